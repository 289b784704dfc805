package org.densenet4j.bench;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The time of single calls of inference, and from the start of a process to its first answer,
 * beside ONNX Runtime's and libtorch's: every variant in a fresh process, alternating at each model
 * and batch. The first round measures everything; later ones what is within a tenth of the fastest
 * of its engine. {@link LatencySettings} says what can be chosen.
 */
public final class LatencyComparison {
    private final LatencySettings settings;
    private final Path work;
    private final LatencyResults calls = new LatencyResults(LatencyQuantity.MEDIAN);
    private final LatencyResults starts = new LatencyResults(LatencyQuantity.ANSWER);
    private final List<String> remarks = new ArrayList<>();
    private final boolean withOnnxRuntime;
    private List<String> onnxRuntimeOptions = List.of();

    private LatencyComparison(LatencySettings settings, Path work) throws IOException {
        this.settings = settings;
        this.work = work;
        String left = HeldInstructions.whyNotOnnxRuntime(settings.isa());
        this.withOnnxRuntime = !settings.oursOnly() && left == null;
        if (left != null && !settings.oursOnly()) {
            remarks.add(left);
        }
    }

    /** Runs everything, prints the tables and writes them and the JSON. */
    public static void main(String[] args) throws Exception {
        Path work = Files.createTempDirectory("bench-latency");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> end(work)));
        try {
            new LatencyComparison(LatencySettings.ofThisProcess(), work).run();
        } catch (IOException | IllegalArgumentException e) {
            System.err.println("error: " + e.getMessage());
            System.exit(1);
        }
    }

    /** Ends processes that still run, and deletes the files they read. */
    private static void end(Path work) {
        ProcessHandle.current().children().forEach(ProcessHandle::destroyForcibly);
        try {
            Files.walkFileTree(
                    work,
                    new SimpleFileVisitor<>() {
                        @Override
                        public FileVisitResult visitFile(Path file, BasicFileAttributes facts)
                                throws IOException {
                            Files.delete(file);
                            return FileVisitResult.CONTINUE;
                        }

                        @Override
                        public FileVisitResult postVisitDirectory(Path folder, IOException e)
                                throws IOException {
                            Files.delete(folder);
                            return FileVisitResult.CONTINUE;
                        }
                    });
        } catch (IOException e) {
            System.err.println("left behind: " + work);
        }
    }

    private void run() throws IOException, InterruptedException {
        long start = System.nanoTime();
        if (withOnnxRuntime) {
            onnxRuntimeOptions = OnnxRuntimeLibraries.unpack(work.resolve("onnxruntime"));
        }
        boolean hasJemalloc = ChildProcess.jemalloc() != null;
        for (String model : settings.models()) {
            prepare(model);
            measure(contenders(model, 1, hasJemalloc), starts, settings.starts());
            for (int batch : settings.batches()) {
                measure(contenders(model, batch, hasJemalloc), calls, settings.rounds());
            }
        }
        report(hasJemalloc, (System.nanoTime() - start) / 1e9);
    }

    private List<LatencyContender> contenders(String model, int batch, boolean hasJemalloc) {
        return LatencyContender.all(settings, model, batch, withOnnxRuntime, hasJemalloc);
    }

    private void prepare(String model) throws IOException, InterruptedException {
        Path folder = Files.createDirectories(work.resolve(model));
        ChildProcess.run(
                "preparing " + model,
                ChildProcess.service(
                        List.of(),
                        LatencyPreparation.class.getName(),
                        List.of(
                                model,
                                String.valueOf(LatencyFiles.BATCHES * settings.largestBatch()),
                                folder.toString())),
                HeldInstructions.environment(settings.isa()));
    }

    private void measure(List<LatencyContender> contenders, LatencyResults results, int rounds)
            throws IOException, InterruptedException {
        List<LatencyResult> here = contenders.stream().map(results::add).toList();
        for (int round = 0; round < rounds; round++) {
            for (LatencyResult r : here) {
                if (results.wants(r, round)) {
                    measure(r, round, results == starts);
                }
            }
        }
    }

    private void measure(LatencyResult r, int round, boolean startsOnly)
            throws IOException, InterruptedException {
        LatencyContender c = r.contender();
        ChildProcess.Answer answer =
                ChildProcess.run(c.name(), command(c, startsOnly), environment(c));
        if (answer.refusal() != null) {
            String line = c.name() + ": " + answer.refusal();
            if (!remarks.contains(line)) {
                remarks.add(line);
            }
            System.err.println(line);
            return;
        }
        r.add(answer);
        LatencyQuantity said = startsOnly ? LatencyQuantity.ANSWER : LatencyQuantity.MEDIAN;
        System.err.printf(
                Locale.ROOT,
                "round %d: %s: %s %.2f ms, logits off by %.1e%n",
                round + 1,
                c.name(),
                startsOnly ? "first answer after" : "call of",
                answer.number(said.key()) * 1e3,
                answer.number("difference"));
    }

    private List<String> command(LatencyContender c, boolean startsOnly) {
        List<String> options =
                switch (c.engine()) {
                    // Plain loops where there is no machine code would be no comparison.
                    case DENSENET4J -> List.of("--add-modules=jdk.incubator.vector");
                    case ONNX_RUNTIME -> onnxRuntimeOptions;
                    case LIBTORCH -> List.of();
                };
        return ChildProcess.service(
                options,
                LatencyProcess.class.getName(),
                List.of(
                        c.model(),
                        String.valueOf(c.batch()),
                        c.precision().name(),
                        c.engine().name(),
                        c.variant(),
                        work.resolve(c.model()).toString(),
                        String.valueOf(settings.threads()),
                        settings.isa().toString(),
                        String.valueOf(settings.warmUpSeconds()),
                        String.valueOf(startsOnly ? 0 : settings.calls()),
                        String.valueOf(settings.seconds()),
                        String.valueOf(LatencyProcess.microsecondsSinceEpoch())));
    }

    private Map<String, String> environment(LatencyContender c) {
        Map<String, String> all = new HashMap<>(HeldInstructions.environment(settings.isa()));
        all.putAll(c.wantsJemalloc() ? ChildProcess.underJemalloc() : Map.of());
        return all;
    }

    private void report(boolean hasJemalloc, double seconds) throws IOException {
        StringBuilder text = new StringBuilder();
        text.append(
                String.format(
                        Locale.ROOT,
                        "%d threads, up to %d processes at each batch, %d calls or %d seconds each"
                                + " behind at least %d seconds of warm-up, %d starts; jemalloc %s;"
                                + " %.0f minutes in all. %s%n%n",
                        settings.threads(),
                        settings.rounds(),
                        settings.calls(),
                        settings.seconds(),
                        settings.warmUpSeconds(),
                        settings.starts(),
                        hasJemalloc ? "with huge pages tried, too" : "not installed",
                        seconds / 60,
                        HeldInstructions.sentence(settings.isa())));
        remarks.forEach(line -> text.append("- ").append(line).append("\n"));
        text.append(remarks.isEmpty() ? "" : "\n").append(LatencyTable.of(calls, starts));
        Files.createDirectories(settings.folder());
        Files.writeString(settings.folder().resolve("bench-latency.md"), text);
        Files.writeString(
                settings.folder().resolve("bench-latency.json"),
                LatencyJson.of(settings, calls, starts, remarks));
        System.out.println(text);
        System.out.println(
                "written to "
                        + settings.folder().resolve("bench-latency.md")
                        + " and bench-latency.json");
    }
}
