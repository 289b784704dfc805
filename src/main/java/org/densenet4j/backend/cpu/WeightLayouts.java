package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/**
 * Between 3x3 weights in the PyTorch layout [out, in, 3, 3] and the layouts [rows, 9, columns] of
 * {@link WinogradWeights}, by oneDNN's reorders.
 */
final class WeightLayouts implements AutoCloseable {
    private final CpuArena arena;
    private final ConvolutionShape shape;
    private final Primitive intoInputRows;
    private final Primitive intoOutputRows;
    private final Primitive addOutputRows;

    WeightLayouts(CpuArena arena, ConvolutionShape shape) {
        this.arena = arena;
        this.shape = shape;
        intoInputRows = reorder(plain(), inputRows(), false);
        intoOutputRows = reorder(plain(), outputRows(), false);
        addOutputRows = reorder(outputRows(), plain(), true);
    }

    /** Bytes of the larger of the two layouts. */
    static long bytes(ConvolutionShape s) {
        long in = s.inputChannels();
        long out = s.outputChannels();
        return 36 * Math.max(in * TileGroups.padded((int) out), out * TileGroups.padded((int) in));
    }

    long bytes() {
        return bytes(shape);
    }

    /** Writes [in, 9, out]. */
    void intoInputRows(int lane, Matrix plain, long to) {
        run(lane, intoInputRows, arena.address(plain), arena.address(to));
    }

    /** Writes [out, 9, in]. */
    void intoOutputRows(int lane, Matrix plain, long to) {
        run(lane, intoOutputRows, arena.address(plain), arena.address(to));
    }

    /** Adds [out, 9, in] to a gradient. */
    void addOutputRows(int lane, long from, Matrix plain) {
        run(lane, addOutputRows, arena.address(from), arena.address(plain));
    }

    private void run(int lane, Primitive primitive, MemorySegment from, MemorySegment to) {
        arena.dnn().singleThreaded();
        primitive.run(lane, MemorySegment.NULL, from, to, null);
    }

    private MemorySegment plain() {
        long in = shape.inputChannels();
        return desc(9 * in, 9, 1);
    }

    private MemorySegment inputRows() {
        long row = TileGroups.padded(shape.outputChannels());
        return desc(1, 9 * row, row);
    }

    private MemorySegment outputRows() {
        long row = TileGroups.padded(shape.inputChannels());
        return desc(9 * row, 1, row);
    }

    private MemorySegment desc(long out, long in, long tap) {
        return arena.dnn()
                .desc(
                        DataType.FLOAT32,
                        new long[] {shape.outputChannels(), shape.inputChannels(), 9},
                        new long[] {out, in, tap});
    }

    private Primitive reorder(MemorySegment from, MemorySegment to, boolean accumulate) {
        OneDnn dnn = arena.dnn();
        String what = "rearranging the weights of " + shape;
        MemorySegment description = dnn.reorderDescription(what, from, to, accumulate);
        int[] keys = {OneDnn.ARG_SRC, OneDnn.ARG_DST};
        Primitive primitive =
                new Primitive(
                        dnn,
                        arena.lifetime(),
                        arena.lanes().count(),
                        what,
                        description,
                        keys,
                        from,
                        to);
        dnn.destroyDescription(description);
        dnn.destroyDesc(from);
        dnn.destroyDesc(to);
        return primitive;
    }

    @Override
    public void close() {
        intoInputRows.close();
        intoOutputRows.close();
        addOutputRows.close();
    }
}
