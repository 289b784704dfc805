package org.densenet4j.io;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/** Text files that a user writes, such as settings: whatever is named instead costs one line. */
public final class SmallText {
    /** Most bytes of one. */
    public static final int MOST_BYTES = 1 << 22;

    /** Some editors begin a file with it; it is no part of the text. */
    private static final String BYTE_ORDER_MARK = "\ufeff";

    private SmallText() {}

    /**
     * Reads a file as UTF-8, without the byte-order mark that it may begin with.
     *
     * @param file of text in UTF-8
     * @return the text
     * @throws IOException in one line with the path, also when it is larger than {@link
     *     #MOST_BYTES}, without end or not UTF-8
     */
    public static String read(Path file) throws IOException {
        return read(file, MOST_BYTES);
    }

    /**
     * Reads a file as UTF-8, without the byte-order mark that it may begin with.
     *
     * @param file of text in UTF-8
     * @param mostBytes of it
     * @return the text
     * @throws IOException in one line with the path, also when it is larger, without end or not
     *     UTF-8
     */
    public static String read(Path file, int mostBytes) throws IOException {
        Objects.requireNonNull(file, "file");
        if (mostBytes < 0 || mostBytes == Integer.MAX_VALUE) {
            throw new IllegalArgumentException("mostBytes = " + mostBytes + ": use 0 or more");
        }
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file)) {
            bytes = in.readNBytes(mostBytes + 1);
        } catch (IOException e) {
            String reason = Files.isDirectory(file) ? "is a folder" : FailureReason.of(e);
            throw new IOException(file + ": " + reason, e);
        }
        if (bytes.length > mostBytes) {
            throw new IOException(file + ": is too large for a text of this kind");
        }
        try {
            String text =
                    StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
            return text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
        } catch (CharacterCodingException e) {
            throw new IOException(file + ": is not UTF-8 text", e);
        }
    }
}
