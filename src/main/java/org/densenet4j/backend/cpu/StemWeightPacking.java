package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.StemPanels;

import java.lang.foreign.MemorySegment;

/** The weights of a {@link CompiledStem} between the PyTorch layout and its panels. */
final class StemWeightPacking {
    private final MemorySegment memory;
    private final StemPanels panels;
    private final ConvolutionShape shape;

    StemWeightPacking(CpuArena arena, StemPanels panels, ConvolutionShape shape) {
        this.memory = arena.memory();
        this.panels = panels;
        this.shape = shape;
    }

    /** Two places of one weight, in bytes. */
    private interface OfWeight {
        void run(long plain, long packed);
    }

    void packForward(Matrix plain, Matrix packed) {
        // Channels that fill up the last vector are multiplied, too.
        memory.asSlice(packed.offset(), Float.BYTES * panels.floats()).fill((byte) 0);
        forEachWeight(
                plain,
                packed,
                (from, to) -> memory.set(JAVA_FLOAT, to, memory.get(JAVA_FLOAT, from)));
    }

    void addGradient(Matrix packed, Matrix gradient) {
        forEachWeight(
                gradient,
                packed,
                (to, from) ->
                        memory.set(
                                JAVA_FLOAT,
                                to,
                                memory.get(JAVA_FLOAT, to) + memory.get(JAVA_FLOAT, from)));
    }

    private void forEachWeight(Matrix plain, Matrix packed, OfWeight work) {
        long at = plain.offset();
        for (int o = 0; o < shape.outputChannels(); o++) {
            for (int i = 0; i < shape.inputChannels(); i++) {
                for (int y = 0; y < shape.kernel(); y++) {
                    for (int x = 0; x < shape.kernel(); x++) {
                        long index = panels.index(o, i, y, x);
                        work.run(at, packed.offset() + Float.BYTES * index);
                        at += Float.BYTES;
                    }
                }
            }
        }
    }
}
