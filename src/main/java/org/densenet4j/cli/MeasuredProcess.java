package org.densenet4j.cli;

import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.profile.Measurement;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Runs {@link MeasureCommand} in a fresh process with a small, fully touched Java heap. */
final class MeasuredProcess {
    /** What {@code measure --inference} says instead of a strategy. */
    static final String INFERENCE = "INFERENCE";

    private final Map<String, String> values;

    private MeasuredProcess(Map<String, String> values) {
        this.values = values;
    }

    /**
     * Measures one strategy.
     *
     * @param arguments further options of {@code measure}
     * @throws IOException when the process fails, with what it said
     */
    static MeasuredProcess run(MemoryStrategy strategy, List<String> arguments) throws IOException {
        return runAll(strategy, arguments).getFirst();
    }

    /** Measures several points in one process, in the order of the arguments' {@code --point}. */
    static List<MeasuredProcess> runAll(MemoryStrategy strategy, List<String> arguments)
            throws IOException {
        List<String> all = new ArrayList<>(List.of("--strategy", strategy.name()));
        all.addAll(arguments);
        return runAll(strategy.name(), all);
    }

    /** Measures forward passes of inference. */
    static MeasuredProcess runInference(List<String> arguments) throws IOException {
        List<String> all = new ArrayList<>(List.of("--inference"));
        all.addAll(arguments);
        return runAll(INFERENCE, all).getFirst();
    }

    private static List<MeasuredProcess> runAll(String what, List<String> arguments)
            throws IOException {
        List<String> command = new ArrayList<>();
        command.add(ProcessHandle.current().info().command().orElse("java"));
        if (ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()) {
            command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
        }
        command.addAll(
                List.of(
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-XX:+AlwaysPreTouch",
                        "-Xms256m",
                        "-Xmx256m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName(),
                        "measure"));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        Thread end = new Thread(process::destroyForcibly);
        Runtime.getRuntime().addShutdownHook(end);
        List<MeasuredProcess> measured = new ArrayList<>();
        String last = "";
        try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                // Not the depths of a stack trace.
                last = line.startsWith("\t") ? last : line;
                if (line.startsWith("strategy=")) {
                    Map<String, String> values = new HashMap<>();
                    for (String pair : line.split(" ", -1)) {
                        String[] keyValue = pair.split("=", 2);
                        values.put(keyValue[0], keyValue[1]);
                    }
                    measured.add(new MeasuredProcess(values));
                }
            }
        }
        try {
            if (process.waitFor() != 0 || measured.isEmpty()) {
                throw new IOException("measuring " + what + " failed: " + last);
            }
        } catch (InterruptedException e) {
            process.destroy();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while measuring " + what, e);
        } finally {
            forget(end);
        }
        return measured;
    }

    private static void forget(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException alreadyShuttingDown) {
            // Then the hook is running.
        }
    }

    /** What the plan said, in bytes. */
    long predicted() {
        return Long.parseLong(values.get("predicted"));
    }

    /** Size of the arena in bytes. */
    long allocated() {
        return Long.parseLong(values.get("allocated"));
    }

    /** Bytes of the arena beside the model's state. */
    long activations() {
        return Long.parseLong(values.get("activations"));
    }

    /**
     * Growth of the process's resident memory at its largest, in bytes; 0 where the system does not
     * tell.
     */
    long resident() {
        return Long.parseLong(values.get("resident"));
    }

    /** The same, as reports take it. */
    Measurement measurement() {
        return new Measurement(allocated(), resident(), numbers("seconds"), numbers("losses"));
    }

    private List<Double> numbers(String key) {
        return Arrays.stream(values.get(key).split(",", -1))
                .filter(number -> !number.isEmpty())
                .map(Double::valueOf)
                .toList();
    }

    /** Images per second of the median step. */
    double imagesPerSecond() {
        return Double.parseDouble(values.get("imagesPerSecond"));
    }
}
