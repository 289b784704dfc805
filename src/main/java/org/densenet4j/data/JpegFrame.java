package org.densenet4j.data;

import org.jspecify.annotations.Nullable;

/**
 * The frame header of a JPEG file (ITU T.81, section B.2.2).
 *
 * @param kind the last byte of its marker: C0 baseline, C2 progressive, C9 arithmetic, ...
 * @param bits of a sample
 * @param components 1 for grey, 3 for colour, 4 for CMYK
 */
record JpegFrame(int kind, int bits, int components) {
    private static final int START_OF_SCAN = 0xDA;
    private static final int END = 0xD9;

    /** Reads the first frame header; null when there is none before the first scan. */
    static @Nullable JpegFrame of(byte[] file) {
        int at = 2;
        while (at + 3 < file.length) {
            int kind = file[at + 1] & 0xFF;
            if ((file[at] & 0xFF) != 0xFF || kind == 0xFF || kind == 0) {
                at++; // fill bytes, and what careless writers leave between segments
            } else if (kind == START_OF_SCAN || kind == END) {
                return null;
            } else if (kind == 0x01 || kind >= 0xD0 && kind <= 0xD8) {
                at += 2; // markers without a length
            } else if (isFrame(kind) && at + 9 < file.length) {
                return new JpegFrame(kind, file[at + 4] & 0xFF, file[at + 9] & 0xFF);
            } else {
                at += 2 + ((file[at + 2] & 0xFF) << 8 | file[at + 3] & 0xFF);
            }
        }
        return null;
    }

    /** C4, C8 and CC are tables; F7 is the frame of JPEG-LS. */
    private static boolean isFrame(int kind) {
        boolean table = kind == 0xC4 || kind == 0xC8 || kind == 0xCC;
        return kind >= 0xC0 && kind <= 0xCF && !table || kind == 0xF7;
    }

    /** The name of a kind of JPEG that is not read; null for baseline and progressive ones. */
    @Nullable String unread() {
        return switch (kind) {
            case 0xC3, 0xC7, 0xCB, 0xCF -> "a lossless JPEG image";
            case 0xC5, 0xC6 -> "a hierarchical JPEG image";
            case 0xC9, 0xCA, 0xCD, 0xCE -> "a JPEG image with arithmetic coding";
            case 0xF7 -> "a JPEG-LS image";
            default -> bits == 8 ? null : "a JPEG image of " + bits + " bits a sample";
        };
    }
}
