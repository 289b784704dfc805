package org.densenet4j.io;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A folder that a report or pictures are written into. What was written is listed in it with its
 * SHA-256, in the format of {@code sha256sum}, so that a later run replaces its own files and
 * nobody else's, nor one that was changed since.
 */
public final class OutputFolder {
    /** The list. */
    static final String LIST = ".densenet4j.sha256";

    private static final Pattern ENTRY = Pattern.compile("([0-9a-f]{64})  (.+)");

    private final Path path;
    private final Map<String, String> written;

    private OutputFolder(Path path, Map<String, String> written) {
        this.path = path;
        this.written = written;
    }

    /** A folder with what is listed in it. */
    static OutputFolder at(Path path) throws IOException {
        Map<String, String> written = new LinkedHashMap<>();
        Path list = path.resolve(LIST);
        if (Files.isRegularFile(list)) {
            String text = new String(Files.readAllBytes(list), StandardCharsets.UTF_8);
            for (String line : text.split("\n", -1)) {
                Matcher entry = ENTRY.matcher(line);
                if (entry.matches()) {
                    written.put(entry.group(2), entry.group(1)); // the last one of a name counts
                }
            }
        }
        return new OutputFolder(path, written);
    }

    /**
     * Makes the folder if it is not there.
     *
     * @param path of the folder, which may exist
     * @return the folder
     * @throws IOException in one line with the path
     */
    public static OutputFolder make(Path path) throws IOException {
        AtomicFile.createFolder(Objects.requireNonNull(path, "path"));
        OutputFolder folder = at(path);
        if (!folder.written.isEmpty()) {
            // Without the entries that later ones have replaced.
            StringBuilder list = new StringBuilder();
            folder.written.forEach((name, sum) -> list.append(entry(name, sum)));
            AtomicFile.write(path.resolve(LIST), list.toString());
        }
        return folder;
    }

    private static String entry(String name, String sum) {
        return sum + "  " + name + "\n";
    }

    /** Whether a file is there as it was written here. */
    boolean wrote(String name) throws IOException {
        String sum = written.get(name);
        Path file = path.resolve(name);
        return sum != null && Files.isRegularFile(file) && sum.equals(checksum(file));
    }

    /**
     * Writes a file, replacing what is there.
     *
     * @param name of the file, inside the folder
     * @param text the whole content, written as UTF-8
     * @return its path
     * @throws IOException in one line with the path
     */
    public Path write(String name, String text) throws IOException {
        return write(name, Objects.requireNonNull(text, "text").getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Writes a file, replacing what is there.
     *
     * @param name of the file, inside the folder
     * @param bytes the whole content
     * @return its path
     * @throws IOException in one line with the path
     */
    public Path write(String name, byte[] bytes) throws IOException {
        Objects.requireNonNull(bytes, "bytes");
        Path file = path.resolve(Objects.requireNonNull(name, "name"));
        // Listed before it has its name: a process that is killed between leaves an entry too many.
        AtomicFile.write(file, AtomicFile.content(bytes), temporary -> list(name, temporary));
        return file;
    }

    private void list(String name, Path temporary) throws IOException {
        String sum = checksum(temporary);
        if (name.equals(OneLine.of(name)) && !sum.equals(written.put(name, sum))) {
            Files.writeString(
                    path.resolve(LIST),
                    entry(name, sum),
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        }
    }

    private static String checksum(Path file) throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(digest.digest(Files.readAllBytes(file)));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
