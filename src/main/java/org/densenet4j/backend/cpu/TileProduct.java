package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;

import java.lang.foreign.MemorySegment;

/** One oneDNN matrix product over the 36 elements of transformed tiles. */
record TileProduct(
        OneDnn dnn, MemorySegment a, MemorySegment b, MemorySegment c, MemorySegment description) {
    private static final long ELEMENTS = TileBuffers.ELEMENTS;

    /** [tiles, from] by [from, to]. */
    static TileProduct filter(OneDnn dnn, int tiles, int from, int to) {
        return of(
                dnn,
                matrices(dnn, tiles, from),
                matrices(dnn, from, to),
                matrices(dnn, tiles, to),
                false);
    }

    /** Added: [out, tiles], stored the other way round, by [tiles, in]. */
    static TileProduct weightGradient(OneDnn dnn, int tiles, int in, int out) {
        int row = TileGroups.padded(out);
        MemorySegment turned =
                dnn.desc(
                        DataType.FLOAT32,
                        new long[] {ELEMENTS, out, tiles},
                        new long[] {TileBuffers.matrixFloats(tiles, row), 1, row});
        return of(dnn, turned, matrices(dnn, tiles, in), matrices(dnn, out, in), true);
    }

    private static TileProduct of(
            OneDnn dnn, MemorySegment a, MemorySegment b, MemorySegment c, boolean accumulate) {
        return new TileProduct(
                dnn, a, b, c, dnn.matmulDescription("Winograd products", a, b, c, accumulate));
    }

    private static MemorySegment matrices(OneDnn dnn, int rows, int columns) {
        int stride = TileGroups.padded(columns);
        return dnn.desc(
                DataType.FLOAT32,
                new long[] {ELEMENTS, rows, columns},
                new long[] {TileBuffers.matrixFloats(rows, stride), stride, 1});
    }

    /** Compiles it; the descriptions are freed. */
    Primitive primitive(CpuArena arena, String what) {
        int[] keys = {OneDnn.ARG_SRC, OneDnn.ARG_WEIGHTS, OneDnn.ARG_DST};
        return arena.primitive(what, description, keys, a, b, c);
    }

    /** Scratch that it would need; the descriptions are freed. */
    long scratchBytes() {
        long bytes = dnn.scratchBytes(description);
        dnn.destroyDescription(description);
        dnn.destroyDesc(a);
        dnn.destroyDesc(b);
        dnn.destroyDesc(c);
        return bytes;
    }
}
