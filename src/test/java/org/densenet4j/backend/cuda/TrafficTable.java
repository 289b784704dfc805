package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Calls, bytes and FLOPs by name that are kept in a file, and only change on purpose.
 *
 * @param file of the table
 */
record TrafficTable(Path file) {
    private static final Path TABLES =
            Path.of("src/test/resources/org/densenet4j/backend/cuda/step-traffic");

    private static final List<String> UNITS = List.of("calls", "bytes", "flops");

    /** Writes the tables anew instead of comparing with them. */
    static final boolean UPDATE = Boolean.getBoolean("update.traffic");

    static TrafficTable of(String name) {
        return new TrafficTable(TABLES.resolve(name + ".txt"));
    }

    /** Calls, bytes and FLOPs by name. */
    static Map<String, List<Long>> rows(List<String> lines) {
        Map<String, List<Long>> rows = new LinkedHashMap<>();
        Pattern row = Pattern.compile("(.+?) +(\\d+) calls +(\\d+) bytes +(\\d+) flops");
        for (String line : lines) {
            Matcher m = row.matcher(line);
            if (m.matches()) {
                rows.put(
                        m.group(1),
                        List.of(
                                Long.valueOf(m.group(2)),
                                Long.valueOf(m.group(3)),
                                Long.valueOf(m.group(4))));
            }
        }
        return rows;
    }

    void write(List<String> lines) throws IOException {
        Files.createDirectories(TABLES);
        Files.write(file, lines);
    }

    /**
     * Fails with all differences.
     *
     * @param what was counted
     * @param now lines of the table as it would be written
     * @param test that writes it
     */
    void assertSame(String what, List<String> now, Class<?> test) throws IOException {
        Map<String, List<Long>> before = rows(Files.readAllLines(file));
        Map<String, List<Long>> after = rows(now);
        StringBuilder changes = new StringBuilder();
        TreeSet<String> names = new TreeSet<>(before.keySet());
        names.addAll(after.keySet());
        for (String name : names) {
            List<Long> was = before.getOrDefault(name, List.of(0L, 0L, 0L));
            List<Long> is = after.getOrDefault(name, List.of(0L, 0L, 0L));
            if (!was.equals(is)) {
                changes.append("\n  ").append(name).append(':');
                for (int i = 0; i < UNITS.size(); i++) {
                    if (!was.get(i).equals(is.get(i))) {
                        changes.append("  ").append(UNITS.get(i)).append(' ');
                        changes.append(was.get(i)).append(" -> ").append(is.get(i));
                    }
                }
            }
        }
        if (!changes.isEmpty()) {
            fail(
                    what
                            + ", is another than in "
                            + file
                            + ":"
                            + changes
                            + "\nIf that is meant, write the tables anew: mvn -Dtest="
                            + test.getSimpleName()
                            + " -Dupdate.traffic=true test, and the figures of docs/gpu.md with"
                            + " them.");
        }
    }
}
