package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** Columns as rows, of weights: little work. */
final class Transposition extends StoredElements {
    Transposition(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#transpose}. */
    public void transpose(Matrix source, boolean add, Matrix target) {
        for (int r = 0; r < source.rows(); r++) {
            for (int c = 0; c < source.columns(); c++) {
                float before = add ? get(target, c, r) : 0;
                set(target, c, r, before + get(source, r, c));
            }
        }
    }
}
