package org.densenet4j.backend.cuda;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What was measured on one kind of device with one set of libraries and kernels: a small text in
 * the cache folder, with a line for each half of a layer. It saves time and nothing else: what
 * cannot be read is measured anew, and what cannot be written is measured again by the next
 * process. It is replaced as a whole; of two processes that write at the same time the later one
 * may lose what the other has measured since it read.
 */
final class LayerTimesFile {
    private static final String FORMAT = "times of halves of dense layers, 1";
    private static final long MOST_BYTES = 4 << 20;

    private final String configuration;
    private final Path file;

    /**
     * @param configuration all that times depend on beside the half, as one line
     * @param folder which need not exist
     */
    LayerTimesFile(String configuration, Path folder) {
        this.configuration = configuration.replaceAll("\\s+", " ");
        this.file = folder.resolve(name(this.configuration) + ".txt");
    }

    private static String name(String configuration) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(digest.digest(configuration.getBytes(UTF_8)), 0, 12);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    Path path() {
        return file;
    }

    /** Times by the halves' labels; none where there is no such file, or not a whole one. */
    Map<String, LayerTimes> read() {
        try {
            if (!Files.isRegularFile(file) || Files.size(file) > MOST_BYTES) {
                return Map.of();
            }
            List<String> lines = Files.readAllLines(file, UTF_8);
            boolean ofThis =
                    lines.size() >= 2
                            && lines.get(0).equals(FORMAT)
                            && lines.get(1).equals(configuration);
            return ofThis ? parsed(lines.subList(2, lines.size())) : Map.of();
        } catch (IOException e) {
            log("cannot read " + file + " (" + e + "); layers are measured anew");
            return Map.of();
        }
    }

    /** Times by the halves' labels. Lines that are none are passed over. */
    static Map<String, LayerTimes> parsed(List<String> lines) {
        Map<String, LayerTimes> times = new LinkedHashMap<>();
        for (String line : lines) {
            String[] fields = line.split("\t", -1);
            if (fields.length == 3) {
                times(fields[1], fields[2]).ifPresent(found -> times.put(fields[0], found));
            }
        }
        return times;
    }

    private static Optional<LayerTimes> times(String fused, String libraries) {
        try {
            LayerTimes times =
                    new LayerTimes(Double.parseDouble(fused), Double.parseDouble(libraries));
            return Optional.of(times).filter(LayerTimes::arePlausible);
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
    }

    /** A line for each half, in the order of their labels. */
    static String text(Map<String, LayerTimes> times) {
        StringBuilder text = new StringBuilder();
        new TreeMap<>(times)
                .forEach(
                        (label, t) ->
                                text.append(label)
                                        .append('\t')
                                        .append(t.fused())
                                        .append('\t')
                                        .append(t.libraries())
                                        .append('\n'));
        return text.toString();
    }

    /** Adds to what is there; what was there for the same halves is replaced. */
    void add(Map<String, LayerTimes> measured) {
        Map<String, LayerTimes> all = new LinkedHashMap<>(read());
        all.putAll(measured);
        try {
            Files.createDirectories(file.getParent());
            Path temporary = Files.createTempFile(file.getParent(), "times", ".tmp");
            try {
                Files.writeString(temporary, FORMAT + "\n" + configuration + "\n" + text(all));
                Files.move(
                        temporary,
                        file,
                        StandardCopyOption.ATOMIC_MOVE,
                        StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(temporary);
            }
        } catch (IOException e) {
            log("cannot write " + file + " (" + e + "); the next process measures layers again");
        }
    }

    private static void log(String message) {
        System.getLogger("org.densenet4j").log(System.Logger.Level.DEBUG, message);
    }
}
