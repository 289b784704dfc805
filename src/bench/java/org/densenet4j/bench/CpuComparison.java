package org.densenet4j.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Our training step beside libtorch's: every variant in a fresh process, alternating, the median of
 * the rounds. Arguments: rounds, steps, threads, JSON file, then {@code model:batch}...
 */
public final class CpuComparison {
    private static final Path JEMALLOC = findJemalloc();

    /** One variant of one model. */
    private record Variant(String model, int batch, String name, List<String> command) {}

    private static final class Result {
        final List<Double> imagesPerSecond = new ArrayList<>();
        final List<Long> peakBytes = new ArrayList<>();
    }

    private CpuComparison() {}

    /** Runs everything, prints the table and writes the JSON. */
    public static void main(String[] args) throws Exception {
        int rounds = Integer.parseInt(args[0]);
        Map<Variant, Result> results = new LinkedHashMap<>();
        for (String model : Arrays.asList(args).subList(4, args.length)) {
            for (Variant v : variants(model, args[1], args[2])) {
                results.put(v, new Result());
            }
        }
        for (int round = 0; round < rounds; round++) {
            for (Map.Entry<Variant, Result> entry : results.entrySet()) {
                measure(entry.getKey(), entry.getValue());
            }
        }
        print(results, args[2], rounds, args[1]);
        write(Path.of(args[3]), results);
    }

    private static List<Variant> variants(String modelAndBatch, String steps, String threads) {
        String model = modelAndBatch.split(":", 2)[0];
        String batch = modelAndBatch.split(":", 2)[1];
        List<Variant> all = new ArrayList<>();
        for (String layout : List.of("nchw", "nhwc")) {
            for (String kept : List.of("naive", "checkpoint")) {
                all.add(
                        new Variant(
                                model,
                                Integer.parseInt(batch),
                                "libtorch " + layout + " " + kept,
                                java(
                                        LibtorchPeer.class.getName(),
                                        model,
                                        batch,
                                        steps,
                                        threads,
                                        layout,
                                        kept)));
            }
        }
        for (String strategy : List.of("NAIVE", "SHARED", "RECOMPUTE")) {
            all.add(
                    new Variant(
                            model,
                            Integer.parseInt(batch),
                            "densenet4j " + strategy,
                            java(
                                    "org.densenet4j.cli.Main",
                                    "measure",
                                    "--model",
                                    model,
                                    "--batch",
                                    batch,
                                    "--steps",
                                    steps,
                                    "--threads",
                                    threads,
                                    "--device",
                                    "cpu",
                                    "--strategy",
                                    strategy)));
        }
        return all;
    }

    private static List<String> java(String main, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "--add-modules=jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-Xms512m",
                        "-Xmx512m",
                        // JavaCPP would stop libtorch at four times the Java heap.
                        "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                        "-Dorg.bytedeco.javacpp.maxBytes=0",
                        "-cp",
                        System.getProperty("java.class.path"),
                        main));
        command.addAll(List.of(arguments));
        return command;
    }

    private static void measure(Variant v, Result result) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(v.command()).redirectErrorStream(true);
        if (v.name().startsWith("libtorch")) {
            useJemalloc(builder);
        }
        Process process = builder.start();
        StringBuilder said = new StringBuilder();
        Thread reader = Thread.ofPlatform().start(() -> read(process, said));
        long peak = 0;
        while (process.isAlive()) {
            peak = Math.max(peak, peakOf(process.pid()));
            Thread.sleep(50);
        }
        reader.join();
        String key = "imagesPerSecond=";
        int at = said.lastIndexOf(key);
        if (process.exitValue() != 0 || at < 0) {
            throw new IOException(v.name() + " failed: " + said);
        }
        String speed = said.substring(at + key.length()).strip().split("\\s", 2)[0];
        result.imagesPerSecond.add(Double.parseDouble(speed));
        result.peakBytes.add(peak);
        System.err.printf(Locale.ROOT, "%s batch %d, %s: done%n", v.model(), v.batch(), v.name());
    }

    private static void read(Process process, StringBuilder said) {
        try (BufferedReader lines = process.inputReader()) {
            lines.lines().forEach(line -> said.append(line).append('\n'));
        } catch (IOException e) {
            said.append(e.getMessage());
        }
    }

    /** The largest resident memory so far, as Linux counts it; 0 when the process has ended. */
    private static long peakOf(long pid) {
        try {
            for (String line : Files.readAllLines(Path.of("/proc", pid + "", "status"))) {
                if (line.startsWith("VmHWM:")) {
                    return 1024 * Long.parseLong(line.replaceAll("\\D", ""));
                }
            }
        } catch (IOException e) {
            return 0;
        }
        return 0;
    }

    /**
     * libtorch at its best: memory is kept and on huge pages, so that no step faults it in anew.
     */
    private static void useJemalloc(ProcessBuilder builder) {
        if (JEMALLOC != null) {
            builder.environment().put("LD_PRELOAD", JEMALLOC.toString());
            builder.environment()
                    .put(
                            "MALLOC_CONF",
                            "thp:always,metadata_thp:always,dirty_decay_ms:-1,muzzy_decay_ms:-1");
        }
    }

    private static Path findJemalloc() {
        for (String folder :
                List.of("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64")) {
            Path library = Path.of(folder, "libjemalloc.so.2");
            if (Files.exists(library)) {
                return library;
            }
        }
        return null;
    }

    private static double median(List<? extends Number> values) {
        double[] sorted = values.stream().mapToDouble(Number::doubleValue).sorted().toArray();
        return sorted[sorted.length / 2];
    }

    private static void print(
            Map<Variant, Result> results, String threads, int rounds, String steps) {
        System.out.printf(
                "%s threads, fp32, median of %d processes of %s steps (the first half warm-up);"
                        + " libtorch under %s%n",
                threads, rounds, steps, JEMALLOC == null ? "plain malloc" : "jemalloc, huge pages");
        System.out.printf(
                "%-14s %5s  %-26s %9s %16s%n", "model", "batch", "variant", "images/s", "peak RSS");
        results.forEach(
                (v, r) ->
                        System.out.printf(
                                Locale.ROOT,
                                "%-14s %5d  %-26s %9.1f %13.0f MB%n",
                                v.model(),
                                v.batch(),
                                v.name(),
                                median(r.imagesPerSecond),
                                median(r.peakBytes) / 1e6));
        System.out.println("(peak RSS: the whole process, 512 MB of Java heap limit included)");
    }

    private static void write(Path file, Map<Variant, Result> results) throws IOException {
        try (JsonGenerator json =
                new JsonFactory().createGenerator(Files.newBufferedWriter(file))) {
            json.useDefaultPrettyPrinter();
            json.writeStartArray();
            for (Map.Entry<Variant, Result> entry : results.entrySet()) {
                json.writeStartObject();
                json.writeStringField("model", entry.getKey().model());
                json.writeNumberField("batch", entry.getKey().batch());
                json.writeStringField("variant", entry.getKey().name());
                json.writeStringField("malloc", JEMALLOC == null ? "malloc" : "jemalloc");
                json.writeArrayFieldStart("imagesPerSecond");
                for (double x : entry.getValue().imagesPerSecond) {
                    json.writeNumber(x);
                }
                json.writeEndArray();
                json.writeArrayFieldStart("peakBytes");
                for (long x : entry.getValue().peakBytes) {
                    json.writeNumber(x);
                }
                json.writeEndArray();
                json.writeEndObject();
            }
            json.writeEndArray();
        }
        System.out.println("written to " + file);
    }
}
