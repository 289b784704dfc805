package org.densenet4j.backend.cpu;

import static org.densenet4j.backend.DataType.FLOAT32;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** Columns as rows, of weights: little work. */
final class Transposition extends StoredElements {
    Transposition(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#transpose}. */
    public void transpose(Matrix source, boolean add, Matrix target) {
        boolean floats = source.type() == FLOAT32 && target.type() == FLOAT32;
        for (int c = 0; c < source.columns(); c++) {
            if (floats) {
                transposeFloats(source, c, add, target.at(c, 0));
                continue;
            }
            for (int r = 0; r < source.rows(); r++) {
                float before = add ? get(target, c, r) : 0;
                set(target, c, r, before + get(source, r, c));
            }
        }
    }

    /** A column, without asking for each element what it is stored as. */
    private void transposeFloats(Matrix source, int column, boolean add, long target) {
        long from = source.at(0, column);
        long to = target;
        for (int r = 0; r < source.rows(); r++) {
            float before = add ? memory.get(JAVA_FLOAT, to) : 0;
            memory.set(JAVA_FLOAT, to, before + memory.get(JAVA_FLOAT, from));
            from += source.rowBytes();
            to += Float.BYTES;
        }
    }
}
