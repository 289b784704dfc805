package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** Sums of matrices, biases and their gradients, as plain loops. */
class ScalarSums extends StoredElements {
    /** Rows that are added up first: a sum of sums of some terms rounds less than one of all. */
    static final int TILE = 32;

    ScalarSums(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#add}. */
    void add(Matrix source, Matrix target) {
        for (int r = 0; r < source.rows(); r++) {
            for (int c = 0; c < source.columns(); c++) {
                set(target, r, c, get(target, r, c) + get(source, r, c));
            }
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#addBias}. */
    void addBias(Matrix x, Matrix bias) {
        for (int r = 0; r < x.rows(); r++) {
            for (int c = 0; c < x.columns(); c++) {
                set(x, r, c, get(x, r, c) + get(bias, 0, c));
            }
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#addColumnSums}. */
    void addColumnSums(Matrix x, Matrix sums) {
        for (int first = 0; first < x.rows(); first += TILE) {
            int end = Math.min(first + TILE, x.rows());
            for (int c = 0; c < x.columns(); c++) {
                float sum = 0;
                for (int r = first; r < end; r++) {
                    sum += get(x, r, c);
                }
                set(sums, 0, c, get(sums, 0, c) + sum);
            }
        }
    }
}
