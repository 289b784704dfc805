package org.densenet4j.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * A SHA-256 of a whole safetensors file, header included, in the file's own metadata under {@code
 * sha256}: taken while that entry holds zeros. Other readers see an entry of metadata and nothing
 * else.
 */
public final class Checksum {
    /** The key in {@code __metadata__}. */
    public static final String KEY = "sha256";

    static final String PLACEHOLDER = "0".repeat(64);
    private static final byte[] ENTRY = ("\"" + KEY + "\":\"").getBytes(StandardCharsets.US_ASCII);
    private static final int BUFFER = 1 << 20;

    private Checksum() {}

    /**
     * Reads a file and compares it with its checksum.
     *
     * @return false when it has none
     * @throws SafetensorsException in one line when they differ
     */
    public static boolean verify(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long at = position(channel);
            if (at < 0) {
                return false;
            }
            ByteBuffer saved = ByteBuffer.allocate(PLACEHOLDER.length());
            readFully(channel, saved, at);
            String expected = StandardCharsets.US_ASCII.decode(saved.flip()).toString();
            if (!expected.equals(compute(channel, at))) {
                throw new SafetensorsException(
                        path, "is damaged: its content does not match its checksum");
            }
            return true;
        }
    }

    /** Fills in the checksum of a file that was written with the placeholder. */
    static void seal(Path path) throws IOException {
        try (FileChannel channel =
                FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            long at = position(channel);
            if (at < 0) {
                throw new IOException("the header has no room for a checksum");
            }
            ByteBuffer sum =
                    ByteBuffer.wrap(compute(channel, at).getBytes(StandardCharsets.US_ASCII));
            while (sum.hasRemaining()) {
                channel.write(sum, at + sum.position());
            }
            channel.force(true);
        }
    }

    /** Where the checksum's digits are, or −1. */
    private static long position(FileChannel channel) throws IOException {
        ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        if (channel.size() < 8) {
            return -1;
        }
        readFully(channel, length, 0);
        long headerLength = length.flip().getLong();
        if (headerLength < 0
                || headerLength > Safetensors.MAX_HEADER
                || headerLength > channel.size() - 8) {
            return -1;
        }
        ByteBuffer header = ByteBuffer.allocate((int) headerLength);
        readFully(channel, header, 8);
        byte[] bytes = header.array();
        // Quotes inside of strings are escaped: this can only be the key itself.
        for (int i = 0; i + ENTRY.length + PLACEHOLDER.length() <= bytes.length; i++) {
            int matched = 0;
            while (matched < ENTRY.length && bytes[i + matched] == ENTRY[matched]) {
                matched++;
            }
            if (matched == ENTRY.length) {
                return 8L + i + ENTRY.length;
            }
        }
        return -1;
    }

    private static String compute(FileChannel channel, long at) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
        update(digest, channel, 0, at);
        digest.update(PLACEHOLDER.getBytes(StandardCharsets.US_ASCII));
        update(digest, channel, at + PLACEHOLDER.length(), channel.size());
        return HexFormat.of().formatHex(digest.digest());
    }

    private static void update(MessageDigest digest, FileChannel channel, long from, long to)
            throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
        for (long at = from; at < to; at += buffer.limit()) {
            buffer.clear().limit((int) Math.min(BUFFER, to - at));
            readFully(channel, buffer, at);
            digest.update(buffer.flip());
        }
    }

    private static void readFully(FileChannel channel, ByteBuffer buffer, long at)
            throws IOException {
        int start = buffer.position();
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, at + buffer.position() - start) < 0) {
                throw new IOException("the file ends early");
            }
        }
    }
}
