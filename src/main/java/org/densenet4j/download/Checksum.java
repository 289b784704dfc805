package org.densenet4j.download;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;

/**
 * What a file must hash to.
 *
 * @param algorithm as {@link MessageDigest} names it
 * @param value in hexadecimal
 * @param source who says so, for people
 */
record Checksum(String algorithm, String value, String source) {

    /** From the text of a checksum file, which may name the file behind the sum. */
    static Checksum parse(String algorithm, String text, String source) {
        String value = text.strip().split("\\s+", 2)[0].toLowerCase(Locale.ROOT);
        return new Checksum(algorithm, value, source);
    }

    /** What {@code file} hashes to. */
    String of(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance(algorithm);
            byte[] buffer = new byte[1 << 18];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                digest.update(buffer, 0, read);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
