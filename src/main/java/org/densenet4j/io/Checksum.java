package org.densenet4j.io;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;

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

    /** A buffer has fewer bytes than 2 GB. */
    private static final long PIECE = 1 << 30;

    private Checksum() {}

    /**
     * Reads a file and compares it with its checksum.
     *
     * @param path a safetensors file
     * @return false when it has none
     * @throws SafetensorsException in one line when they differ
     */
    public static boolean verify(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        try (Arena arena = Arena.ofConfined();
                FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            return verify(path, map(channel, arena));
        }
    }

    /** The same of a file that is mapped already, so that nothing is read from the disk twice. */
    static boolean verify(Path path, MemorySegment all) throws SafetensorsException {
        long at = position(all);
        if (at < 0) {
            return false;
        }
        byte[] saved = all.asSlice(at, PLACEHOLDER.length()).toArray(ValueLayout.JAVA_BYTE);
        if (!compute(all, at).equals(new String(saved, StandardCharsets.ISO_8859_1))) {
            throw new SafetensorsException(
                    path,
                    "is damaged: its content does not match its checksum; copy it again (who"
                            + " changed it on purpose leaves '"
                            + KEY
                            + "' out of its metadata)");
        }
        return true;
    }

    /** Fills in the checksum of a file that was written with the placeholder. */
    static void seal(Path path) throws IOException {
        try (Arena arena = Arena.ofConfined();
                FileChannel channel =
                        FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MemorySegment all = map(channel, arena);
            long at = position(all);
            if (at < 0) {
                throw new IOException("the header has no room for a checksum");
            }
            ByteBuffer sum = ByteBuffer.wrap(compute(all, at).getBytes(StandardCharsets.US_ASCII));
            while (sum.hasRemaining()) {
                channel.write(sum, at + sum.position());
            }
            channel.force(true);
        }
    }

    private static MemorySegment map(FileChannel channel, Arena arena) throws IOException {
        return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    }

    /** Where the checksum's digits are, or −1. */
    private static long position(MemorySegment all) {
        if (all.byteSize() < Long.BYTES) {
            return -1;
        }
        long headerLength =
                all.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
        if (headerLength < 0
                || headerLength > Safetensors.MAX_HEADER
                || headerLength > all.byteSize() - Long.BYTES) {
            return -1;
        }
        byte[] bytes = all.asSlice(Long.BYTES, headerLength).toArray(ValueLayout.JAVA_BYTE);
        // Quotes inside of strings are escaped: this can only be the key itself.
        for (int i = 0; i + ENTRY.length + PLACEHOLDER.length() <= bytes.length; i++) {
            if (Arrays.equals(bytes, i, i + ENTRY.length, ENTRY, 0, ENTRY.length)) {
                return Long.BYTES + (long) i + ENTRY.length;
            }
        }
        return -1;
    }

    private static String compute(MemorySegment all, long at) {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
        update(digest, all, 0, at);
        digest.update(PLACEHOLDER.getBytes(StandardCharsets.US_ASCII));
        update(digest, all, at + PLACEHOLDER.length(), all.byteSize());
        return HexFormat.of().formatHex(digest.digest());
    }

    private static void update(MessageDigest digest, MemorySegment all, long from, long to) {
        for (long at = from; at < to; at += PIECE) {
            digest.update(all.asSlice(at, Math.min(PIECE, to - at)).asByteBuffer());
        }
    }
}
