package org.densenet4j.io.caffe;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * An array of numbers of a layer ({@code BlobProto}). They lie in the file in single or double
 * precision, packed or one by one, or, as NVIDIA's Caffe writes them, as bytes of single, double or
 * half precision; here they are single. The shape is a list, or, of files of before 2015, four
 * numbers.
 */
public final class CaffeBlob {
    private static final int FOUR_SIDES = 4;
    private static final int DATA = 5;
    private static final int SHAPE = 7;
    private static final int DOUBLE_DATA = 8;
    private static final int RAW_TYPE = 10;
    private static final int RAW_DATA = 12;
    private static final int MOST_SIDES = 32; // Caffe's limit

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Where the numbers are, and how many bytes one takes. */
    private enum Numbers {
        DOUBLES(DOUBLE_DATA, Double.BYTES),
        SINGLES(DATA, Float.BYTES),
        RAW_DOUBLES(RAW_DATA, Double.BYTES),
        RAW_SINGLES(RAW_DATA, Float.BYTES),
        RAW_HALVES(RAW_DATA, Short.BYTES);

        private final int field;
        private final int bytes;

        Numbers(int field, int bytes) {
            this.field = field;
            this.bytes = bytes;
        }

        /** Of NVIDIA's enumeration of types. */
        static Numbers raw(long type) throws WireException {
            return switch ((int) type) {
                case 0 -> RAW_DOUBLES;
                case 1 -> RAW_SINGLES;
                case 2 -> RAW_HALVES;
                default -> throw new WireException("has numbers of the unknown type " + type);
            };
        }

        /** How a number is encoded that is not packed. */
        int alone() {
            return bytes == Double.BYTES ? WireReader.FIXED64 : WireReader.FIXED32;
        }

        float at(MemorySegment content, long index) {
            return switch (this) {
                case DOUBLES, RAW_DOUBLES -> (float) content.get(DOUBLE, Double.BYTES * index);
                case SINGLES, RAW_SINGLES -> content.get(WireReader.FLOAT, Float.BYTES * index);
                case RAW_HALVES -> Float.float16ToFloat(content.get(SHORT, Short.BYTES * index));
            };
        }

        float alone(long bits) {
            return this == DOUBLES
                    ? (float) Double.longBitsToDouble(bits)
                    : Float.intBitsToFloat((int) bits);
        }
    }

    private final MemorySegment message;
    private final Numbers numbers;
    private final List<Long> shape;
    private final int count;

    private CaffeBlob(MemorySegment message, Numbers numbers, List<Long> shape, int count) {
        this.message = message;
        this.numbers = numbers;
        this.shape = shape;
        this.count = count;
    }

    /**
     * Looks at all of a blob's fields and none of its numbers.
     *
     * @throws WireException when it is no blob, or has not as many numbers as its shape says
     */
    static CaffeBlob of(MemorySegment message) throws WireException {
        long[] sides = new long[FOUR_SIDES];
        boolean old = false;
        List<Long> shape = List.of();
        long rawType = 0;
        long singles = 0;
        long doubles = 0;
        long raw = 0;
        WireReader reader = new WireReader(message);
        while (reader.next()) {
            int field = reader.field();
            boolean length = reader.type() == WireReader.LENGTH;
            if (field <= FOUR_SIDES && reader.type() == WireReader.VARINT) {
                sides[field - 1] = reader.number();
                old = true;
            } else if (field == SHAPE && length) {
                shape = shape(reader.content());
            } else if (field == DATA) {
                singles += length ? whole(reader.number(), Float.BYTES) : 1;
            } else if (field == DOUBLE_DATA) {
                doubles += length ? whole(reader.number(), Double.BYTES) : 1;
            } else if (reader.is(RAW_TYPE, WireReader.VARINT)) {
                rawType = reader.number();
            } else if (field == RAW_DATA && length) {
                raw = reader.number(); // not repeated
            }
        }
        Numbers numbers =
                doubles > 0
                        ? Numbers.DOUBLES
                        : singles > 0 || raw == 0 ? Numbers.SINGLES : Numbers.raw(rawType);
        long count = doubles > 0 ? doubles : singles > 0 ? singles : whole(raw, numbers.bytes);
        List<Long> wanted = old ? List.of(sides[0], sides[1], sides[2], sides[3]) : shape;
        if (count != product(wanted)) {
            throw new WireException("has " + count + " numbers for the shape " + wanted);
        }
        if (count > Integer.MAX_VALUE - 8) {
            throw new WireException("has " + count + " numbers, too many for an array");
        }
        return new CaffeBlob(message, numbers, wanted, (int) count);
    }

    private static long whole(long bytes, int element) throws WireException {
        if (bytes % element != 0) {
            throw new WireException(
                    "has " + bytes + " bytes of numbers of " + element + " bytes each");
        }
        return bytes / element;
    }

    /**
     * The sides of a {@code BlobShape}.
     *
     * @throws WireException when it is none
     */
    static List<Long> shape(MemorySegment content) throws WireException {
        List<Long> shape = new ArrayList<>();
        WireReader reader = new WireReader(content);
        while (reader.next()) {
            if (reader.is(1, WireReader.VARINT)) {
                shape.add(reader.number());
            } else if (reader.is(1, WireReader.LENGTH)) {
                WireReader packed = new WireReader(reader.content());
                while (packed.hasMore() && shape.size() <= MOST_SIDES) {
                    shape.add(packed.varint());
                }
            }
            if (shape.size() > MOST_SIDES) {
                throw new WireException("has a shape of more than " + MOST_SIDES + " sides");
            }
        }
        return List.copyOf(shape);
    }

    private static long product(List<Long> shape) throws WireException {
        long product = 1;
        for (long side : shape) {
            if (side < 0 || Math.multiplyHigh(product, side) != 0 || product * side < 0) {
                throw new WireException("has the shape " + shape);
            }
            product *= side;
        }
        return product;
    }

    /** {@return the sides, row-major; empty for one number} */
    public List<Long> shape() {
        return shape;
    }

    /** {@return how many numbers there are} */
    public int count() {
        return count;
    }

    /**
     * {@return all numbers in single precision}
     *
     * @throws IllegalStateException when the file is closed
     */
    public float[] toFloats() {
        float[] values = new float[count];
        int at = 0;
        WireReader reader = new WireReader(message);
        try {
            while (reader.next()) {
                if (reader.field() != numbers.field) {
                    continue;
                }
                if (reader.type() != WireReader.LENGTH) {
                    values[at++] = numbers.alone(reader.number());
                    continue;
                }
                MemorySegment content = reader.content();
                int many = Math.toIntExact(content.byteSize() / numbers.bytes);
                if (numbers.bytes == Float.BYTES) {
                    // Weights are megabytes, and read before the JVM has compiled anything.
                    MemorySegment.copy(content, WireReader.FLOAT, 0, values, at, many);
                } else {
                    for (int i = 0; i < many; i++) {
                        values[at + i] = numbers.at(content, i);
                    }
                }
                at += many;
            }
        } catch (WireException e) {
            throw new IllegalStateException("the file has changed since it was opened", e);
        }
        return values;
    }
}
