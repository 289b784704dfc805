package org.densenet4j.backend.cpu;

import static org.densenet4j.backend.DataType.FLOAT32;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import org.densenet4j.backend.BFloat16;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/**
 * Elements of an arena's matrices, one at a time and as float32, whatever they are stored as: what
 * plain loops share.
 */
class StoredElements {
    /** The whole arena; every matrix is a view of it and every access is bounds-checked. */
    final MemorySegment memory;

    StoredElements(MemorySegment memory) {
        this.memory = memory;
    }

    final float get(Matrix x, int row, int column) {
        long at = x.at(row, column);
        return x.type() == FLOAT32
                ? memory.get(JAVA_FLOAT, at)
                : BFloat16.toFloat(memory.get(JAVA_SHORT, at));
    }

    final void set(Matrix x, int row, int column, float value) {
        long at = x.at(row, column);
        if (x.type() == FLOAT32) {
            memory.set(JAVA_FLOAT, at, value);
        } else {
            memory.set(JAVA_SHORT, at, BFloat16.of(value));
        }
    }

    /** A row's elements from a column on. */
    final void read(Matrix x, int row, int column, float[] into, int count) {
        if (x.type() == FLOAT32) {
            MemorySegment.copy(memory, JAVA_FLOAT, x.at(row, column), into, 0, count);
            return;
        }
        for (int i = 0; i < count; i++) {
            into[i] = get(x, row, column + i);
        }
    }

    /** A value behind batch normalisation. */
    final float normalised(Matrix x, int row, int c, Matrix affine) {
        return Math.fma(get(x, row, c), get(affine, 0, c), get(affine, 1, c));
    }

    final float relu(Matrix x, int row, int c, Matrix affine) {
        return Math.max(0f, normalised(x, row, c, affine));
    }

    /** See {@link org.densenet4j.backend.Kernels#fill}. */
    public final void fill(Matrix target, float value) {
        for (int r = 0; r < target.rows(); r++) {
            if (value == 0) { // all bits zero, in every type
                long bytes = (long) target.columns() * target.type().bytes();
                memory.asSlice(target.at(r, 0), bytes).fill((byte) 0);
                continue;
            }
            for (int c = 0; c < target.columns(); c++) {
                set(target, r, c, value);
            }
        }
    }

    /** Memory of one type as it is. */
    final void move(Matrix source, Matrix target) {
        long bytes = (long) source.columns() * source.type().bytes();
        if (source.isDense() && target.isDense()) {
            MemorySegment.copy(
                    memory, source.offset(), memory, target.offset(), bytes * source.rows());
            return;
        }
        for (int r = 0; r < source.rows(); r++) {
            MemorySegment.copy(memory, source.at(r, 0), memory, target.at(r, 0), bytes);
        }
    }
}
