package org.densenet4j.fuzz;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Damages a file in the ways that break readers; the same seed damages it the same way. */
final class Mutator {
    /** Numbers at the edges of what length and offset fields hold. */
    private static final long[] EDGES = {
        0,
        1,
        -1,
        2,
        7,
        8,
        0x7F,
        0x80,
        0xFF,
        0x7FFF,
        0xFFFF,
        99_999_999,
        Integer.MAX_VALUE - 8,
        Integer.MAX_VALUE,
        Integer.MIN_VALUE,
        0xFFFF_FFFFL,
        1L << 32,
        Long.MAX_VALUE,
        Long.MIN_VALUE
    };

    private final SplittableRandom random;

    Mutator(long seed) {
        random = new SplittableRandom(seed);
    }

    /** One to three changes. */
    byte[] mutate(byte[] original) {
        byte[] bytes = original.clone();
        int changes = 1 + random.nextInt(3);
        for (int i = 0; i < changes; i++) {
            bytes = change(bytes);
        }
        return bytes;
    }

    private byte[] change(byte[] bytes) {
        if (bytes.length == 0) {
            return randomBytes(1 + random.nextInt(64));
        }
        return switch (random.nextInt(8)) {
            case 0 -> flipBits(bytes);
            case 1 -> Arrays.copyOf(bytes, random.nextInt(bytes.length)); // truncate
            case 2 -> splice(bytes, position(bytes), 0, randomBytes(1 + random.nextInt(40)));
            case 3 -> splice(bytes, position(bytes), 1 + random.nextInt(40), new byte[0]);
            case 4, 5 -> binaryNumber(bytes);
            case 6 -> decimalNumber(bytes);
            default -> repeat(bytes);
        };
    }

    /** Headers are at the beginning: half of the changes go to the first bytes. */
    private int position(byte[] bytes) {
        int most = random.nextBoolean() ? Math.min(bytes.length, 64) : bytes.length;
        return random.nextInt(most);
    }

    private byte[] flipBits(byte[] bytes) {
        int flips = 1 << random.nextInt(5);
        for (int i = 0; i < flips; i++) {
            bytes[position(bytes)] ^= (byte) (1 << random.nextInt(8));
        }
        return bytes;
    }

    private byte[] randomBytes(int count) {
        byte[] bytes = new byte[count];
        random.nextBytes(bytes);
        return bytes;
    }

    private static byte[] splice(byte[] bytes, int at, int removed, byte[] inserted) {
        int behind = Math.min(bytes.length, at + removed);
        byte[] result = new byte[at + inserted.length + bytes.length - behind];
        System.arraycopy(bytes, 0, result, 0, at);
        System.arraycopy(inserted, 0, result, at, inserted.length);
        System.arraycopy(bytes, behind, result, at + inserted.length, bytes.length - behind);
        return result;
    }

    /** An edge value, 1 to 8 bytes, in either byte order: what a binary length field breaks by. */
    private byte[] binaryNumber(byte[] bytes) {
        int at = position(bytes);
        int width = Math.min(1 << random.nextInt(4), bytes.length - at);
        long value = EDGES[random.nextInt(EDGES.length)];
        boolean bigEndian = random.nextBoolean();
        for (int i = 0; i < width; i++) {
            bytes[at + (bigEndian ? width - 1 - i : i)] = (byte) (value >> 8 * i);
        }
        return bytes;
    }

    /** The same for numbers written in decimal digits, as in JSON headers. */
    private byte[] decimalNumber(byte[] bytes) {
        int from = random.nextInt(bytes.length);
        for (int i = 0; i < bytes.length; i++) {
            int start = (from + i) % bytes.length;
            if (isDigit(bytes[start]) && (start == 0 || !isDigit(bytes[start - 1]))) {
                int end = start;
                while (end < bytes.length && isDigit(bytes[end])) {
                    end++;
                }
                String number =
                        random.nextBoolean()
                                ? String.valueOf(EDGES[random.nextInt(EDGES.length)])
                                : String.valueOf(random.nextInt(1 << random.nextInt(31)));
                // Spaces keep a header's length where that is possible.
                String padded =
                        number.length() < end - start
                                ? " ".repeat(end - start - number.length()) + number
                                : number;
                byte[] digits = padded.getBytes(java.nio.charset.StandardCharsets.US_ASCII);
                return splice(bytes, start, end - start, digits);
            }
        }
        return flipBits(bytes);
    }

    private static boolean isDigit(byte b) {
        return b >= '0' && b <= '9';
    }

    private byte[] repeat(byte[] bytes) {
        int from = position(bytes);
        int count = Math.min(1 + random.nextInt(200), bytes.length - from);
        return splice(bytes, position(bytes), 0, Arrays.copyOfRange(bytes, from, from + count));
    }
}
