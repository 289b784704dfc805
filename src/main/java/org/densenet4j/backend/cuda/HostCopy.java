package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import org.densenet4j.backend.BFloat16;
import org.densenet4j.backend.DataType;

import java.lang.foreign.MemorySegment;

/**
 * Floats of a Java array as they lie in a matrix: bf16 is rounded and widened on the host, so that
 * half as many bytes cross the bus.
 */
final class HostCopy {
    private HostCopy() {}

    /** Stores {@code count} values, from byte {@code place} on. */
    static void store(
            float[] source, int from, MemorySegment memory, long place, int count, DataType type) {
        if (type == DataType.FLOAT32) {
            MemorySegment.copy(source, from, memory, JAVA_FLOAT, place, count);
            return;
        }
        for (int i = 0; i < count; i++) {
            memory.set(JAVA_SHORT, place + 2L * i, BFloat16.of(source[from + i]));
        }
    }

    /** Loads {@code count} values, from byte {@code place} on. */
    static void load(
            MemorySegment memory, long place, DataType type, float[] target, int from, int count) {
        if (type == DataType.FLOAT32) {
            MemorySegment.copy(memory, JAVA_FLOAT, place, target, from, count);
            return;
        }
        for (int i = 0; i < count; i++) {
            target[from + i] = BFloat16.toFloat(memory.get(JAVA_SHORT, place + 2L * i));
        }
    }

    /** Whether what is stored at an element, from the start, is the value as it would be stored. */
    static boolean holds(MemorySegment memory, int element, DataType type, float value) {
        return type == DataType.FLOAT32
                ? Float.floatToRawIntBits(memory.getAtIndex(JAVA_FLOAT, element))
                        == Float.floatToRawIntBits(value)
                : memory.getAtIndex(JAVA_SHORT, element) == BFloat16.of(value);
    }
}
