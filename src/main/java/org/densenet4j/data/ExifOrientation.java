package org.densenet4j.data;

import static org.densenet4j.data.ImageFormat.startsWith;

import java.nio.ByteBuffer;

/** Finds how a camera was held: the orientation, from 1 to 8, of Exif 2.32, section 4.6.4. */
final class ExifOrientation {
    static final int UPRIGHT = 1;

    /** Left and right have changed places. */
    static final int MIRRORED = 2;

    /** Top and bottom have changed places. */
    static final int UPSIDE_DOWN = 4;

    private static final int TAG = 0x0112;
    private static final int APP1 = 0xE1;
    private static final int START_OF_SCAN = 0xDA;
    private static final String EXIF = "Exif\0\0";

    private ExifOrientation() {}

    /** The orientation that a file has, or {@link #UPRIGHT}. */
    static int of(ImageFormat format, byte[] file) {
        int at =
                switch (format) {
                    case JPEG -> jpeg(file);
                    case PNG -> png(file);
                    case WEBP -> webp(file);
                    case TIFF -> 0;
                    case GIF, BMP -> -1;
                };
        if (at < 0 || at >= file.length) {
            return UPRIGHT;
        }
        TiffDirectory fields =
                TiffDirectory.of(ByteBuffer.wrap(file, at, file.length - at).slice());
        long orientation = fields == null ? UPRIGHT : fields.first(TAG, UPRIGHT);
        return orientation >= 1 && orientation <= 8 ? (int) orientation : UPRIGHT;
    }

    /** Of the first APP1 segment that holds Exif. */
    private static int jpeg(byte[] file) {
        int at = 2;
        while (at + 4 < file.length && (file[at] & 0xFF) == 0xFF) {
            int kind = file[at + 1] & 0xFF;
            if (kind == 0xFF) {
                at++;
            } else if (kind == 0xD8) {
                at += 2;
            } else if (kind == START_OF_SCAN) {
                return -1;
            } else if (kind == APP1 && startsWith(file, at + 4, EXIF)) {
                return at + 4 + EXIF.length();
            } else {
                at += 2 + ((file[at + 2] & 0xFF) << 8 | file[at + 3] & 0xFF);
            }
        }
        return -1;
    }

    /** Of the eXIf chunk (PNG specification, third edition, section 11.3.3.3). */
    private static int png(byte[] file) {
        ByteBuffer b = ByteBuffer.wrap(file);
        long at = 8;
        while (at + 12 <= file.length) {
            if (startsWith(file, (int) at + 4, "eXIf")) {
                return (int) at + 8;
            }
            at += 12 + Integer.toUnsignedLong(b.getInt((int) at));
        }
        return -1;
    }

    private static int webp(byte[] file) {
        int at;
        try {
            at = WebpHeader.of("", file).exif();
        } catch (DataException e) {
            return -1;
        }
        // Some writers repeat what JPEG files have before it.
        return at >= 0 && startsWith(file, at, EXIF) ? at + EXIF.length() : at;
    }
}
