package org.densenet4j.cli;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Archives of images: which ones are trained on, and which are tested on. */
final class TarSource {
    static final String KIND = "tar:";
    private static final String SHARDS = "val-shards";
    private static final String NONE = "none";
    private static final List<String> HELD_OUT = List.of("val", "test");

    /** WebDataset's {@code {000..099}}. */
    private static final Pattern RANGE = Pattern.compile("\\{(\\d{1,9})\\.\\.(\\d{1,9})\\}");

    private static final int MOST = 1_000_000;

    @Option(
            names = "--" + SHARDS,
            paramLabel = "GLOB",
            description =
                    "with --data tar:GLOB: the archives to test on (or hold a share out with"
                            + " --val-share, or give a folder with train*.tar and val*.tar)")
    private String valShards;

    /** For picocli. */
    TarSource() {}

    /** Whether archives are there to test on. */
    boolean hasHeldOut(String data) {
        return valShards != null || Files.isDirectory(Path.of(data));
    }

    void check(boolean ofTars) {
        if (valShards != null && !ofTars) {
            throw new IllegalArgumentException("--val-shards is for --data tar:GLOB; leave it out");
        }
    }

    /** The archives to train on. */
    List<Path> training(String data) throws IOException {
        return Files.isDirectory(Path.of(data)) ? named(Path.of(data), "train") : found(data);
    }

    /** The archives to test on. */
    List<Path> heldOut(String data) throws IOException {
        if (valShards != null) {
            return found(valShards);
        }
        Path folder = Path.of(data);
        for (String name : HELD_OUT) { // val is also how valid and validation begin
            if (!matching(folder, name + "*.tar").isEmpty()) {
                return named(folder, name);
            }
        }
        return named(folder, HELD_OUT.getFirst());
    }

    private static List<Path> named(Path folder, String name) throws IOException {
        List<Path> archives = matching(folder, name + "*.tar");
        if (archives.isEmpty()) {
            throw new IOException(
                    folder
                            + ": has no "
                            + name
                            + "*.tar; name the archives by --data tar:GLOB and --val-shards GLOB");
        }
        return archives;
    }

    /** The archives of a pattern in the order of their names. */
    private static List<Path> found(String glob) throws IOException {
        Matcher range = RANGE.matcher(glob);
        if (range.find()) {
            List<Path> all = new ArrayList<>();
            int from = Integer.parseInt(range.group(1));
            int to = Integer.parseInt(range.group(2));
            if (to < from || to - from >= MOST) {
                throw new IOException(glob + ": has a range of no files");
            }
            String format = "%0" + range.group(1).length() + "d";
            for (int number = from; number <= to; number++) {
                String one = String.format(Locale.ROOT, format, number);
                all.addAll(
                        found(
                                glob.substring(0, range.start())
                                        + one
                                        + glob.substring(range.end())));
            }
            return all;
        }
        Path path = Path.of(glob);
        if (Files.isRegularFile(path)) {
            return List.of(path);
        }
        Path folder = path.getParent() == null ? Path.of("") : path.getParent();
        List<Path> archives =
                Files.isDirectory(folder)
                        ? matching(folder, path.getFileName().toString())
                        : List.of();
        if (archives.isEmpty()) {
            throw new IOException(glob + ": no such archives");
        }
        return archives;
    }

    private static List<Path> matching(Path folder, String glob) throws IOException {
        List<Path> archives = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, glob)) {
            for (Path file : files) {
                if (Files.isRegularFile(file)) {
                    archives.add(file);
                }
            }
        }
        archives.sort(null);
        return archives;
    }

    Map<String, String> settings() {
        return Map.of(
                SHARDS,
                valShards == null
                        ? NONE
                        : Path.of(valShards).toAbsolutePath().normalize().toString());
    }

    /** Takes back what {@link #settings} told. */
    void restore(RememberedSettings settings) {
        settings.text(SHARDS, saved -> valShards = saved.equals(NONE) ? null : saved);
    }
}
