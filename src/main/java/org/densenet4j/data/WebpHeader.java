package org.densenet4j.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What a WebP file says of its canvas and of the first frame (RFC 9649, section 2.7).
 *
 * @param width of the canvas; 0 where the frame is all that there is
 * @param height of the canvas; 0 where the frame is all that there is
 * @param left column of the frame's first pixel
 * @param top row of the frame's first pixel
 * @param frame where the chunk of the frame's pixels begins
 * @param exif where Exif data begins, or −1
 */
record WebpHeader(int width, int height, int left, int top, int frame, int exif) {
    private static final int FIRST_CHUNK = 12;
    private static final int VP8X = fourCc("VP8X");
    private static final int ANMF = fourCc("ANMF");
    private static final int EXIF = fourCc("EXIF");
    private static final int VP8 = fourCc("VP8 ");
    private static final int VP8L = fourCc("VP8L");

    /** Bytes of an ANMF chunk before the chunks of its frame. */
    private static final int ANMF_HEADER = 16;

    private static int fourCc(String name) {
        int code = 0;
        for (int i = 3; i >= 0; i--) {
            code = code << 8 | name.charAt(i);
        }
        return code;
    }

    /**
     * Reads the chunks.
     *
     * @throws DataException in one line when the file is shorter than it says
     */
    static WebpHeader of(String name, byte[] file) throws DataException {
        ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        try {
            // The last chunk's padding is often left out.
            if (Integer.toUnsignedLong(b.getInt(4)) + 8 > file.length + 1L) {
                throw new DataException(name + ": broken image: the file is truncated");
            }
            WebpHeader header = read(b);
            if (header.frame < 0) {
                throw new DataException(name + ": broken image: the WebP file has no image");
            }
            return header;
        } catch (IndexOutOfBoundsException e) {
            throw new DataException(name + ": broken image: the file is truncated", e);
        }
    }

    private static WebpHeader read(ByteBuffer b) {
        int width = 0;
        int height = 0;
        int left = 0;
        int top = 0;
        int frame = -1;
        int exif = -1;
        boolean animated = false;
        long at = FIRST_CHUNK;
        while (at + 8 <= b.limit()) {
            int chunk = b.getInt((int) at);
            int data = (int) at + 8;
            if (chunk == VP8X) {
                width = 1 + threeBytes(b, data + 4);
                height = 1 + threeBytes(b, data + 7);
            } else if (chunk == ANMF && frame < 0) {
                animated = true;
                left = 2 * threeBytes(b, data);
                top = 2 * threeBytes(b, data + 3);
                frame = image(b, data + ANMF_HEADER);
            } else if ((chunk == VP8 || chunk == VP8L) && frame < 0) {
                frame = (int) at;
            } else if (chunk == EXIF && exif < 0) {
                exif = data;
            }
            at += size(b, (int) at);
        }
        return animated
                ? new WebpHeader(width, height, left, top, frame, exif)
                : new WebpHeader(0, 0, 0, 0, frame, exif);
    }

    /** Where the pixels of an animation's frame are: behind its alpha channel, if it has one. */
    private static int image(ByteBuffer b, int first) {
        long at = first;
        while (at + 8 <= b.limit()) {
            int chunk = b.getInt((int) at);
            if (chunk == VP8 || chunk == VP8L) {
                return (int) at;
            }
            at += size(b, (int) at);
        }
        return -1;
    }

    /** Bytes of a chunk with its header and padding. */
    private static long size(ByteBuffer b, int at) {
        long size = Integer.toUnsignedLong(b.getInt(at + 4));
        return 8 + size + (size & 1);
    }

    /**
     * A file that holds the first frame and nothing else: without profiles, alpha channels and
     * animations, which would be read for nothing, and lossy ones of animations wrongly.
     */
    byte[] simple(byte[] file) {
        ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int length = (int) Math.min(size(b, frame), file.length - frame);
        return ByteBuffer.allocate(FIRST_CHUNK + length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(file, 0, 4)
                .putInt(length + 4)
                .put(file, 8, 4)
                .put(file, frame, length)
                .array();
    }

    private static int threeBytes(ByteBuffer b, int at) {
        return (b.get(at) & 0xFF) | (b.get(at + 1) & 0xFF) << 8 | (b.get(at + 2) & 0xFF) << 16;
    }
}
