package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.StemPanels;

import java.lang.foreign.MemorySegment;

/**
 * The weights of a {@link CompiledStem} between the PyTorch layout and its panels. They are moved
 * by way of arrays, which a JVM that has just started goes through fastest.
 */
final class StemWeightPacking {
    private final MemorySegment memory;

    /** Where in the panels each weight is, in their order in the PyTorch layout. */
    private final int[] places;

    private final int packedFloats;

    StemWeightPacking(CpuArena arena, StemPanels panels, ConvolutionShape shape) {
        this.memory = arena.memory();
        this.packedFloats = Math.toIntExact(panels.floats());
        this.places = new int[shape.weights()];
        int next = 0;
        for (int o = 0; o < shape.outputChannels(); o++) {
            for (int i = 0; i < shape.inputChannels(); i++) {
                for (int y = 0; y < shape.kernel(); y++) {
                    for (int x = 0; x < shape.kernel(); x++) {
                        places[next++] = Math.toIntExact(panels.index(o, i, y, x));
                    }
                }
            }
        }
    }

    void packForward(Matrix plain, Matrix packed) {
        float[] from = read(plain, places.length);
        // Channels that fill up the last vector are multiplied, too, and stay zero.
        float[] to = new float[packedFloats];
        for (int i = 0; i < places.length; i++) {
            to[places[i]] = from[i];
        }
        write(to, packed);
    }

    void addGradient(Matrix packed, Matrix gradient) {
        float[] from = read(packed, packedFloats);
        float[] to = read(gradient, places.length);
        for (int i = 0; i < places.length; i++) {
            to[i] += from[places[i]];
        }
        write(to, gradient);
    }

    private float[] read(Matrix m, int count) {
        float[] values = new float[count];
        MemorySegment.copy(memory, JAVA_FLOAT, m.offset(), values, 0, count);
        return values;
    }

    private void write(float[] values, Matrix m) {
        MemorySegment.copy(values, 0, memory, JAVA_FLOAT, m.offset(), values.length);
    }
}
