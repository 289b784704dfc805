package org.densenet4j.io.caffe;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The fields of a protobuf message, one after the other, as they are on the wire
 * (protobuf.dev/programming-guides/encoding). Nothing is copied; what a length claims is checked
 * against the bytes that there are.
 */
final class WireReader {
    static final int VARINT = 0;
    static final int FIXED64 = 1;
    static final int LENGTH = 2;
    static final int FIXED32 = 5;

    static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int TYPE_BITS = 3;
    private static final int VARINT_BITS = 7;

    /** No name and no path is longer. */
    private static final int LONGEST_TEXT = 1 << 12;

    private final MemorySegment message;
    private long at;
    private int field;
    private int type;
    private long number;
    private long begin;

    WireReader(MemorySegment message) {
        this.message = message;
    }

    /**
     * Goes on to the next field.
     *
     * @return whether there is one
     * @throws WireException when the bytes are no field, or it is cut off
     */
    boolean next() throws WireException {
        if (!hasMore()) {
            return false;
        }
        long tag = varint();
        type = (int) tag & (1 << TYPE_BITS) - 1;
        field = (int) (tag >>> TYPE_BITS);
        if (tag >>> Integer.SIZE != 0 || field == 0) {
            throw new WireException("has no field where one is to begin");
        }
        switch (type) {
            case VARINT -> number = varint();
            case FIXED64 -> number = message.get(LONG, skip(Long.BYTES));
            case FIXED32 -> number = message.get(INT, skip(Integer.BYTES));
            case LENGTH -> {
                number = varint();
                begin = at; // also of what is cut off
                skip(number);
            }
            default -> throw new WireException("has a field of the unknown kind " + type);
        }
        return true;
    }

    /** Whether there are bytes left. */
    boolean hasMore() {
        return at < message.byteSize();
    }

    private long skip(long bytes) throws WireException {
        long left = message.byteSize() - at;
        if (bytes < 0 || bytes > left) {
            throw new WireException(
                    "has a field of "
                            + Long.toUnsignedString(bytes)
                            + " bytes where "
                            + left
                            + " are left");
        }
        long start = at;
        at += bytes;
        return start;
    }

    /**
     * The next number of a packed field, whose content the message is.
     *
     * @throws WireException when it is cut off
     */
    long varint() throws WireException {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE; shift += VARINT_BITS) {
            byte next = message.get(ValueLayout.JAVA_BYTE, skip(1));
            value |= (next & 0x7FL) << shift;
            if (next >= 0) {
                return value;
            }
        }
        throw new WireException("has a number of too many bytes");
    }

    /** The number of the field. */
    int field() {
        return field;
    }

    /** How it is encoded: one of the constants. */
    int type() {
        return type;
    }

    /** Whether the field has this number and is encoded so. */
    boolean is(int wantedField, int wantedType) {
        return field == wantedField && type == wantedType;
    }

    /** Of a varint, or the bits of a fixed number; the count of bytes of what has a length. */
    long number() {
        return number;
    }

    /** The bytes of what has a length. */
    MemorySegment content() {
        return message.asSlice(begin, number);
    }

    /** The first byte of what has a length, also where it is cut off; −1 where there is none. */
    int start() {
        return begin < message.byteSize() ? message.get(ValueLayout.JAVA_BYTE, begin) & 0xFF : -1;
    }

    /**
     * The text of what has a length.
     *
     * @throws WireException when it is longer than any name
     */
    String text() throws WireException {
        return text(content());
    }

    static String text(MemorySegment content) throws WireException {
        if (content.byteSize() > LONGEST_TEXT) {
            throw new WireException("has a name of " + content.byteSize() + " bytes");
        }
        return new String(content.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }
}
