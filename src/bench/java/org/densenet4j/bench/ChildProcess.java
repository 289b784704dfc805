package org.densenet4j.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Runs a fresh Java process and reads the last line of {@code key=value} that it prints. */
final class ChildProcess {
    /** Exit status of a process that refuses; its last line says why. */
    static final int WRONG_INPUT = 2;

    private ChildProcess() {}

    /** What a process said: its numbers, or why it would not begin. */
    record Answer(Map<String, String> values, String refusal) {
        double number(String key) {
            return Double.parseDouble(values.getOrDefault(key, "0"));
        }
    }

    /** The same Java with the same class path, a small heap that is there from the beginning. */
    static List<String> java(String main, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "--add-modules=jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-XX:+AlwaysPreTouch",
                        "-Xms256m",
                        "-Xmx256m",
                        // JavaCPP would stop libtorch at four times the Java heap.
                        "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                        "-Dorg.bytedeco.javacpp.maxBytes=0",
                        "-cp",
                        System.getProperty("java.class.path"),
                        main));
        command.addAll(List.of(arguments));
        return command;
    }

    /**
     * The same Java as a service runs it: its own choice of collector and heap, and memory outside
     * of the heap as it likes.
     *
     * @param options of the JVM
     */
    static List<String> service(List<String> options, String main, List<String> arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "--enable-native-access=ALL-UNNAMED",
                        "-Xmx1g",
                        // JavaCPP would stop libtorch at four times the Java heap.
                        "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                        "-Dorg.bytedeco.javacpp.maxBytes=0"));
        command.addAll(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
        command.addAll(arguments);
        return command;
    }

    /** Runs a command; a process that refuses its input is an answer, one that fails is not. */
    static Answer run(String what, List<String> command, Map<String, String> environment)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        Process process = builder.start();
        Map<String, String> values = new HashMap<>();
        List<String> said = new ArrayList<>();
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                said.add(line);
                if (line.contains("medianSeconds=") || line.contains("difference=")) {
                    for (String pair : line.split(" ", -1)) {
                        String[] keyValue = pair.split("=", 2);
                        values.put(keyValue[0], keyValue[1]);
                    }
                }
            }
        }
        int code = process.waitFor();
        if (code == WRONG_INPUT && !said.isEmpty()) {
            return new Answer(Map.of(), said.getLast().replaceFirst("^error: ", ""));
        }
        if (code != 0 || values.isEmpty()) {
            throw new IOException(what + " failed:\n" + String.join("\n", said));
        }
        return new Answer(values, null);
    }

    /** Where jemalloc is; null where it is not installed. */
    static Path jemalloc() {
        for (String folder :
                List.of("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64")) {
            Path library = Path.of(folder, "libjemalloc.so.2");
            if (Files.exists(library)) {
                return library;
            }
        }
        return null;
    }

    /** Memory is kept and on huge pages, so that no step faults it in anew. */
    static Map<String, String> underJemalloc() {
        return Map.of(
                "LD_PRELOAD",
                jemalloc().toString(),
                "MALLOC_CONF",
                "thp:always,metadata_thp:always,dirty_decay_ms:-1,muzzy_decay_ms:-1");
    }
}
