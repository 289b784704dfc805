package org.densenet4j.io;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Objects;

/**
 * A tensor inside an open safetensors file. Its data is mapped, not read, and gone when the file is
 * closed.
 *
 * @param name the tensor's name
 * @param type of its elements
 * @param shape dimensions, row-major; empty for a scalar
 * @param data little-endian elements
 */
public record Tensor(String name, ElementType type, List<Long> shape, MemorySegment data) {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /**
     * {@return a tensor of single precision in the memory of the JVM}
     *
     * @param name the tensor's name
     * @param shape dimensions, row-major
     * @param values as many as the shape says; they are copied
     */
    public static Tensor of(String name, List<Long> shape, float[] values) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(shape, "shape");
        Objects.requireNonNull(values, "values");
        MemorySegment data = MemorySegment.ofArray(new byte[Float.BYTES * values.length]);
        MemorySegment.copy(values, 0, data, FLOAT, 0, values.length);
        return new Tensor(name, ElementType.F32, shape, data);
    }

    /** {@return number of elements} */
    public long count() {
        return data.byteSize() / type.bytes();
    }

    /**
     * {@return all elements as single precision}
     *
     * @throws IllegalArgumentException when they are not floating-point numbers or too many
     * @throws IllegalStateException when the file is closed
     */
    public float[] toFloats() {
        requireFloat();
        float[] values = new float[length()];
        if (type == ElementType.F32) {
            // Weights are megabytes, and read before the JVM has compiled anything.
            MemorySegment.copy(data, FLOAT, 0, values, 0, values.length);
            return values;
        }
        for (int i = 0; i < values.length; i++) {
            values[i] = type == ElementType.F64 ? (float) data.get(DOUBLE, 8L * i) : floatAt(i);
        }
        return values;
    }

    /**
     * {@return all elements as double precision}
     *
     * @throws IllegalArgumentException when they are not floating-point numbers or too many
     * @throws IllegalStateException when the file is closed
     */
    public double[] toDoubles() {
        requireFloat();
        double[] values = new double[length()];
        for (int i = 0; i < values.length; i++) {
            values[i] = type == ElementType.F64 ? data.get(DOUBLE, 8L * i) : floatAt(i);
        }
        return values;
    }

    private float floatAt(int i) {
        return switch (type) {
            case F32 -> data.get(FLOAT, 4L * i);
            case F16 -> Float.float16ToFloat(data.get(SHORT, 2L * i));
            case BF16 -> Float.intBitsToFloat(data.get(SHORT, 2L * i) << 16);
            default -> throw new IllegalStateException(type.toString());
        };
    }

    /**
     * {@return all elements as 64-bit integers}
     *
     * @throws IllegalArgumentException when they are not integers or too many
     * @throws IllegalStateException when the file is closed
     */
    public long[] toLongs() {
        long[] values = new long[length()];
        for (int i = 0; i < values.length; i++) {
            values[i] =
                    switch (type) {
                        case I64, U64 -> data.get(LONG, 8L * i);
                        case I32 -> data.get(INT, 4L * i);
                        case U32 -> data.get(INT, 4L * i) & 0xFFFF_FFFFL;
                        case I16 -> data.get(SHORT, 2L * i);
                        case U16 -> data.get(SHORT, 2L * i) & 0xFFFFL;
                        case I8 -> data.get(ValueLayout.JAVA_BYTE, i);
                        case U8, BOOL -> data.get(ValueLayout.JAVA_BYTE, i) & 0xFFL;
                        default ->
                                throw new IllegalArgumentException(
                                        "tensor " + name + " has " + type + ", not integers");
                    };
        }
        return values;
    }

    private void requireFloat() {
        if (!type.isFloat()) {
            throw new IllegalArgumentException(
                    "tensor " + name + " has " + type + ", not floating-point numbers");
        }
    }

    private int length() {
        if (!data.scope().isAlive()) {
            throw new IllegalStateException("tensor " + name + ": its file is closed");
        }
        if (count() > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(
                    "tensor " + name + " has " + count() + " elements, too many for an array");
        }
        return (int) count();
    }
}
