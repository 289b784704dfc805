package org.densenet4j.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Our training steps and inference beside libtorch's: every variant in a fresh process,
 * alternating. The first round measures everything; later ones what is within a tenth of the
 * fastest of its kind, so that medians are of what the table shows. {@link Settings} says what can
 * be chosen.
 */
public final class CpuComparison {
    /** Of losses and logits. */
    private static final double MOST_DIFFERENCE = 1e-4;

    /** Of gradients, where ReLUs that are nearly zero differ in single precision. */
    private static final double MOST_OF_GRADIENTS = 0.1;

    private final Settings settings;
    private final Results results = new Results();
    private final List<String> skipped = new ArrayList<>();

    private CpuComparison(Settings settings) {
        this.settings = settings;
    }

    /** Runs everything, prints the tables and writes them and the JSON. */
    public static void main(String[] args) throws Exception {
        Runtime.getRuntime()
                .addShutdownHook(
                        new Thread(
                                () ->
                                        ProcessHandle.current()
                                                .children()
                                                .forEach(ProcessHandle::destroyForcibly)));
        try {
            new CpuComparison(Settings.ofThisProcess()).run();
        } catch (IOException | IllegalArgumentException e) {
            System.err.println("error: " + e.getMessage());
            System.exit(1);
        }
    }

    private void run() throws IOException, InterruptedException {
        long start = System.nanoTime();
        boolean hasJemalloc = ChildProcess.jemalloc() != null;
        for (String point : settings.models()) {
            if (!settings.oursOnly()) {
                check(point);
            }
            for (Work work : Work.values()) {
                for (Precision p : settings.precisions()) {
                    Contender.all(settings, point, work, p, hasJemalloc).forEach(results::add);
                }
            }
        }
        for (int round = 0; round < settings.rounds(); round++) {
            for (Result r : results.all()) {
                if (results.wants(r, round)) {
                    measure(r, round);
                }
            }
        }
        report(hasJemalloc, (System.nanoTime() - start) / 1e9);
    }

    /**
     * Same parameters, same images, same losses, gradients and logits: a comparison of two networks
     * means nothing.
     */
    private void check(String point) throws IOException, InterruptedException {
        String model = point.split(":", 2)[0];
        ChildProcess.Answer answer =
                ChildProcess.run(
                        "checking " + model,
                        ChildProcess.java(SameNetwork.class.getName(), model, "4"),
                        HeldInstructions.environment(settings.isa()));
        double ofLosses = answer.number("difference");
        double ofGradients = answer.number("gradients");
        double ofLogits = answer.number("inference");
        String differences =
                String.format(
                        Locale.ROOT,
                        "losses of both sides differ by %.1e, gradients by %.1e, logits by %.1e",
                        ofLosses,
                        ofGradients,
                        ofLogits);
        System.err.printf(
                Locale.ROOT,
                "%s: %.0f parameters, %s%n",
                model,
                answer.number("parameters"),
                differences);
        boolean same =
                ofLosses < MOST_DIFFERENCE
                        && ofGradients < MOST_OF_GRADIENTS
                        && ofLogits < MOST_DIFFERENCE;
        if (!same) {
            throw new IOException(
                    model + ": the two sides compute different networks: " + differences);
        }
    }

    private void measure(Result r, int round) throws IOException, InterruptedException {
        Contender c = r.contender();
        String what =
                String.join(" ", c.model() + ":" + c.batch(), c.work().name(), c.precision().name())
                        .toLowerCase(Locale.ROOT);
        ChildProcess.Answer answer =
                ChildProcess.run(what + ", " + c.name(), c.command(), environment(c));
        if (answer.refusal() != null) {
            String line = what + ", " + c.name() + ": skipped, " + answer.refusal();
            skipped.add(line);
            System.err.println(line);
            return;
        }
        r.add(answer);
        System.err.printf(
                Locale.ROOT,
                "round %d: %s, %s: %.1f images/s%n",
                round + 1,
                what,
                c.name(),
                r.speeds().getLast());
    }

    private Map<String, String> environment(Contender c) {
        Map<String, String> all = new HashMap<>(HeldInstructions.environment(settings.isa()));
        all.putAll(c.jemalloc() ? ChildProcess.underJemalloc() : Map.of());
        return all;
    }

    private void report(boolean hasJemalloc, double seconds) throws IOException {
        StringBuilder text = new StringBuilder();
        text.append(
                String.format(
                        Locale.ROOT,
                        "%d threads, up to %d processes of %d steps each (inference: %d), the first"
                                + " half warm-up of at least %d seconds; jemalloc %s; %.0f minutes"
                                + " in all. %s%n%n",
                        settings.threads(),
                        settings.rounds(),
                        settings.steps(),
                        2 * settings.steps(),
                        settings.warmUpSeconds(),
                        hasJemalloc ? "with huge pages tried, too" : "not installed",
                        seconds / 60,
                        HeldInstructions.sentence(settings.isa())));
        if (HiddenCaches.hidden() && !settings.oursOnly()) {
            text.append(
                    "- This machine hides the sizes of its caches; libtorch's oneDNN has been told"
                            + " 32 KB, 512 KB and 1 MB, its sizes for unknown processors.\n\n");
        }
        skipped.forEach(line -> text.append("- ").append(line).append("\n"));
        text.append(skipped.isEmpty() ? "" : "\n").append(ComparisonTable.of(results));
        Files.createDirectories(settings.folder());
        Files.writeString(settings.folder().resolve("bench-cpu.md"), text);
        Files.writeString(
                settings.folder().resolve("bench-cpu.json"),
                ComparisonJson.of(settings, results, skipped));
        System.out.println(text);
        System.out.println(
                "written to " + settings.folder().resolve("bench-cpu.md") + " and bench-cpu.json");
    }
}
