package org.densenet4j.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The first frame of a GIF file and the screen that it is shown on (GIF89a, sections 18 to 23).
 *
 * @param width of the screen
 * @param height of the screen
 * @param left column of the frame's first pixel
 * @param top row of the frame's first pixel
 * @param frameWidth of the frame
 * @param frameHeight of the frame
 * @param background RGB of what the frame does not cover
 */
record GifHeader(
        int width, int height, int left, int top, int frameWidth, int frameHeight, int background) {
    private static final int SCREEN = 13;
    private static final int IMAGE = 0x2C;
    private static final int EXTENSION = 0x21;
    private static final int GRAPHIC_CONTROL = 0xF9;

    /**
     * Reads up to the end of the first frame.
     *
     * @throws DataException in one line when the file ends before that
     */
    static GifHeader of(String name, byte[] file) throws DataException {
        try {
            return read(name, ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN));
        } catch (IndexOutOfBoundsException e) {
            throw new DataException(name + ": broken image: the file is truncated", e);
        }
    }

    private static GifHeader read(String name, ByteBuffer b) throws DataException {
        int at = SCREEN + table(b.get(10));
        int transparent = 0;
        while (b.get(at) == EXTENSION) {
            boolean control = (b.get(at + 1) & 0xFF) == GRAPHIC_CONTROL && b.get(at + 2) == 4;
            if (control && (b.get(at + 3) & 1) != 0) {
                transparent = b.get(at + 6) & 0xFF;
            }
            at = behindBlocks(b, at + 2);
        }
        if (b.get(at) != IMAGE) {
            throw new DataException(name + ": broken image: the GIF file has no frame");
        }
        int left = unsigned(b, at + 1);
        int top = unsigned(b, at + 3);
        int frameWidth = unsigned(b, at + 5);
        int frameHeight = unsigned(b, at + 7);
        int local = table(b.get(at + 9));
        int colours = local > 0 ? at + 10 : SCREEN;
        boolean has = 3 * transparent < (local > 0 ? local : table(b.get(10)));
        int unused = behindBlocks(b, at + 10 + local + 1);
        // A frame that does not fit makes the screen larger, as in browsers and in Pillow.
        return new GifHeader(
                Math.max(unsigned(b, 6), left + frameWidth),
                Math.max(unsigned(b, 8), top + frameHeight),
                left,
                top,
                frameWidth,
                frameHeight,
                has ? rgb(b, colours + 3 * transparent) : 0);
    }

    /** Bytes of a colour table by its flags. */
    private static int table(byte flags) {
        return (flags & 0x80) == 0 ? 0 : 3 << ((flags & 7) + 1);
    }

    private static int unsigned(ByteBuffer b, int at) {
        return Short.toUnsignedInt(b.getShort(at));
    }

    private static int rgb(ByteBuffer b, int at) {
        return (b.get(at) & 0xFF) << 16 | (b.get(at + 1) & 0xFF) << 8 | b.get(at + 2) & 0xFF;
    }

    private static int behindBlocks(ByteBuffer b, int first) {
        int at = first;
        while (b.get(at) != 0) {
            at += 1 + (b.get(at) & 0xFF);
        }
        return at + 1;
    }
}
