package org.densenet4j.train;

import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.SmallText;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;

/**
 * Settings as {@code key = value} lines: Java's properties format in UTF-8, with comments behind
 * {@code #}.
 */
public final class SettingsFile {
    private SettingsFile() {}

    /**
     * Reads a file.
     *
     * @param file lines of {@code key = value}
     * @return values by key, in the file's order
     * @throws IOException in one line when it is missing, has a key twice, or is no such file
     */
    public static Map<String, String> read(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        Map<String, String> values = new LinkedHashMap<>();
        Properties inOrder =
                new Properties() {
                    @Override
                    public synchronized @Nullable Object put(Object key, Object value) {
                        if (values.put((String) key, ((String) value).strip()) != null) {
                            throw new IllegalArgumentException("'" + key + "' is there twice");
                        }
                        return null;
                    }
                };
        try {
            inOrder.load(new StringReader(SmallText.read(file)));
        } catch (IllegalArgumentException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
        return values;
    }

    /** Writes a file, all of it or nothing. */
    static void write(Path file, String comment, Map<String, String> values) throws IOException {
        StringBuilder text = new StringBuilder();
        comment.lines().forEach(line -> text.append("# ").append(line).append('\n'));
        values.forEach(
                (key, value) ->
                        text.append(key)
                                .append(" = ")
                                .append(value.replace("\\", "\\\\").replace("\n", "\\n"))
                                .append('\n'));
        AtomicFile.write(file, text.toString());
    }
}
