package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;

/**
 * The first directory of a TIFF file, or of Exif data, which has the same structure (TIFF 6.0,
 * section 2). Only whole numbers are kept; nothing larger than the file is allocated.
 */
final class TiffDirectory {
    private static final int BYTE = 1;
    private static final int SHORT = 3;
    private static final int LONG = 4;
    private static final int IFD = 13;

    private final Map<Integer, long[]> fields = new HashMap<>();

    private TiffDirectory() {}

    /**
     * Reads a directory.
     *
     * @param tiff where the structure begins is position 0 of the buffer
     * @return null when it is broken or goes beyond the end
     */
    static @Nullable TiffDirectory of(ByteBuffer tiff) {
        ByteBuffer b = tiff.slice();
        try {
            b.order(b.get(0) == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
            b.position(position(b, b.getInt(4)));
            TiffDirectory directory = new TiffDirectory();
            for (int left = Short.toUnsignedInt(b.getShort()); left > 0; left--) {
                directory.read(b);
            }
            return directory;
        } catch (BufferUnderflowException | IndexOutOfBoundsException e) {
            return null;
        }
    }

    private static int position(ByteBuffer b, int offset) {
        if (offset < 0 || offset > b.limit()) {
            throw new IndexOutOfBoundsException(offset);
        }
        return offset;
    }

    private void read(ByteBuffer b) {
        int tag = Short.toUnsignedInt(b.getShort());
        int type = b.getShort();
        long count = Integer.toUnsignedLong(b.getInt());
        int inPlace = b.position();
        b.getInt();
        int size = type == SHORT ? 2 : type == LONG || type == IFD ? 4 : type == BYTE ? 1 : 0;
        if (size == 0 || count > b.limit() / size) {
            return;
        }
        int at = count * size <= 4 ? inPlace : position(b, b.getInt(inPlace));
        if (at + count * size > b.limit()) {
            return;
        }
        long[] values = new long[(int) count];
        for (int i = 0; i < values.length; i++) {
            int from = at + i * size;
            values[i] =
                    switch (size) {
                        case 1 -> b.get(from) & 0xFF;
                        case 2 -> Short.toUnsignedInt(b.getShort(from));
                        default -> Integer.toUnsignedLong(b.getInt(from));
                    };
        }
        fields.put(tag, values);
    }

    boolean has(int tag) {
        return fields.containsKey(tag);
    }

    /** The numbers of a field; empty when there is none. */
    long[] all(int tag) {
        return fields.getOrDefault(tag, new long[0]);
    }

    /** The first number of a field, or another when there is none. */
    long first(int tag, long otherwise) {
        long[] values = all(tag);
        return values.length == 0 ? otherwise : values[0];
    }
}
