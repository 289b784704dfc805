package org.densenet4j.backend.cpu;

import static org.densenet4j.backend.DataType.FLOAT32;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import org.densenet4j.backend.BFloat16;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** Elements of an arena's matrices, one at a time and as float32, whatever they are stored as. */
abstract class StoredElements {
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
}
