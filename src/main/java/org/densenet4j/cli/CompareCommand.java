package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.io.OneLine;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.profile.Agreement;
import org.densenet4j.profile.ComparedNetwork;
import org.densenet4j.profile.Comparison;
import org.densenet4j.profile.ComparisonReport;
import org.densenet4j.profile.Measurement;
import org.densenet4j.profile.StrategyRun;
import org.densenet4j.profile.Sweep;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

/** {@code densenet4j compare}. */
@Command(
        name = "compare",
        description = {
            "Trains the same network on the same data under NAIVE, SHARED and RECOMPUTE, each in a"
                    + " fresh process, and reports memory and time side by side.",
            "With --sweep depth,batch it also measures how they grow; all of that takes about three"
                    + " minutes on two cores."
        },
        mixinStandardHelpOptions = true)
final class CompareCommand implements Callable<Integer> {
    private static final String DEFAULT_MODEL = "bc-100-12";

    /** Half of the steps of a sweep's point warm up. */
    private static final int SWEEP_STEPS = 4;

    @Mixin private ModelOption model;
    @Mixin private DeviceOption device;
    @Mixin private BatchOption batch;
    @Mixin private ReportOption report;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "8",
            description =
                    "steps of each strategy, the first half warm-up; 0 compares the plans only"
                            + " (default: ${DEFAULT-VALUE})")
    private int steps;

    @Option(
            names = "--memory-budget",
            paramLabel = "SIZE",
            defaultValue = "1GB",
            description = "what the largest batches are for (default: ${DEFAULT-VALUE})")
    private String memoryBudget;

    @Option(
            names = "--sweep",
            paramLabel = "WHAT",
            split = ",",
            description = "also depth, batch, size, or several: depth,batch")
    private List<Sweep.Variable> sweeps = List.of();

    @Option(
            names = "--beside",
            paramLabel = "NAME",
            split = ",",
            description =
                    "also other networks, such as resnet50: parameters, multiply-adds, memory of"
                            + " activations and images per second beside the published errors;"
                            + " --classes and --input-size are for all of them")
    private List<String> beside = List.of();

    @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "of all draws")
    private long seed;

    /** For picocli. */
    CompareCommand() {}

    @Override
    public Integer call() throws IOException {
        if (steps < 0 || steps == 1) {
            throw new IllegalArgumentException(
                    "steps = " + steps + ": use 2 or more, or 0 for the plans only");
        }
        String name = model.name(DEFAULT_MODEL);
        NetworkSpec spec = model.spec(DEFAULT_MODEL);
        int images = batch.of(spec);
        // Refuses a model without depths before anything has run.
        List<SweepRange> ranges =
                new TreeSet<>(sweeps)
                        .stream().map(v -> SweepRange.of(v, name, spec, images)).toList();
        Map<String, NetworkSpec> others = others(spec);
        long budget = Bytes.parse(memoryBudget);
        report.check(ComparisonReport.files(sweeps, !beside.isEmpty()));
        Path scratch = Files.createTempDirectory("densenet4j-compare");
        scratch.toFile()
                .deleteOnExit(); // on Ctrl-C; what is in it, which is asked for later, goes first
        try (Device d = device.open()) {
            List<StrategyRun> runs = new ArrayList<>();
            Map<MemoryStrategy, Path> gradients = new EnumMap<>(MemoryStrategy.class);
            for (MemoryStrategy s : MemoryStrategy.values()) {
                Path file = scratch.resolve(s + ".safetensors");
                file.toFile().deleteOnExit();
                runs.add(run(spec, images, arguments(model, name), s, budget, d, gradients(file)));
                gradients.put(s, file);
            }
            List<ComparedNetwork> compared = new ArrayList<>();
            for (Map.Entry<String, NetworkSpec> other : others.entrySet()) {
                List<String> arguments = arguments(model.beside(other.getKey()), other.getKey());
                List<StrategyRun> its = new ArrayList<>();
                for (MemoryStrategy s : MemoryStrategy.values()) {
                    its.add(run(other.getValue(), images, arguments, s, budget, d, List.of()));
                }
                compared.add(new ComparedNetwork(other.getValue(), List.copyOf(its)));
            }
            SweepRun sweep =
                    new SweepRun(model, device.arguments(), seed, steps > 0 ? SWEEP_STEPS : 0, d);
            List<Sweep> swept = new ArrayList<>();
            for (SweepRange range : ranges) {
                swept.add(sweep.run(range, System.out));
            }
            Comparison comparison =
                    new Comparison(
                            spec,
                            images,
                            d.description(),
                            budget,
                            List.copyOf(runs),
                            agreements(runs, gradients),
                            List.copyOf(swept),
                            List.copyOf(compared));
            System.out.println();
            System.out.print(ComparisonReport.text(comparison));
            Path folder =
                    report.folder("compare", ComparisonReport.files(sweeps, !beside.isEmpty()));
            ComparisonReport.write(comparison, folder);
            System.out.println("\nreport: " + OneLine.of(folder.resolve("report.html").toString()));
        } finally {
            deleteAll(scratch);
        }
        return 0;
    }

    private StrategyRun run(
            NetworkSpec spec,
            int images,
            List<String> arguments,
            MemoryStrategy strategy,
            long budget,
            Device d,
            List<String> more)
            throws IOException {
        MemoryPlan plan = MemoryPlan.of(spec).strategy(strategy).batch(images).on(d);
        int largest = MemoryPlan.of(spec).strategy(strategy).largestBatch(d, budget).orElse(0);
        Measurement measured = measure(plan, arguments, more, d);
        String notRun =
                measured != null
                        ? null
                        : steps == 0
                                ? "only its plan was asked for"
                                : "it needs "
                                        + Bytes.format(plan.peakBytes())
                                        + ", more than the "
                                        + Bytes.format(d.availableBytes())
                                        + " that this machine has left";
        return new StrategyRun(
                strategy,
                plan.peakBytes(),
                plan.activationBytes(),
                plan.bytesAtPeak(),
                largest,
                measured,
                notRun);
    }

    /** Steps of a plan in a process of their own; null when the machine lacks the memory. */
    private Measurement measure(
            MemoryPlan plan, List<String> arguments, List<String> more, Device d)
            throws IOException {
        String what = plan.strategy() + ", " + plan.spec().name() + ", batch " + plan.batch();
        if (steps == 0) {
            return null;
        }
        if (plan.peakBytes() > d.availableBytes()) {
            System.out.println(what + ": not run, needs " + Bytes.format(plan.peakBytes()));
            return null;
        }
        System.out.println(what + " ...");
        List<String> all = new ArrayList<>(arguments);
        all.addAll(more);
        all.addAll(List.of("--batch", String.valueOf(plan.batch())));
        return MeasuredProcess.run(plan.strategy(), all).measurement();
    }

    /**
     * The networks to show beside this one, by name, in the order that they were asked for.
     *
     * @throws IllegalArgumentException when one takes other images
     */
    private Map<String, NetworkSpec> others(NetworkSpec spec) {
        Map<String, NetworkSpec> others = new LinkedHashMap<>();
        for (String name : beside) {
            NetworkSpec other = model.beside(name).spec(name);
            if (!ImageSize.of(other).equals(ImageSize.of(spec))) {
                throw new IllegalArgumentException(
                        "--beside "
                                + name
                                + ": it takes images of size "
                                + ImageSize.of(other)
                                + ", "
                                + spec.name()
                                + " of "
                                + ImageSize.of(spec)
                                + "; give all of them one --input-size");
            }
            others.put(name, other);
        }
        return others;
    }

    private static List<String> gradients(Path file) {
        return List.of("--gradients", file.toString());
    }

    private List<String> arguments(ModelOption network, String name) {
        List<String> arguments = new ArrayList<>(network.arguments(name));
        arguments.addAll(device.arguments());
        arguments.addAll(List.of("--steps", String.valueOf(steps)));
        arguments.addAll(List.of("--seed", String.valueOf(seed)));
        return arguments;
    }

    private static List<Agreement> agreements(
            List<StrategyRun> runs, Map<MemoryStrategy, Path> gradients) throws IOException {
        List<StrategyRun> ran = runs.stream().filter(r -> r.measured() != null).toList();
        List<Agreement> agreements = new ArrayList<>();
        for (StrategyRun r : ran.subList(Math.min(1, ran.size()), ran.size())) {
            StrategyRun reference = ran.getFirst();
            agreements.add(
                    Agreement.of(
                            r.strategy(),
                            r.measured().losses(),
                            gradients.get(r.strategy()),
                            reference.strategy(),
                            reference.measured().losses(),
                            gradients.get(reference.strategy())));
        }
        return agreements;
    }

    private static void deleteAll(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }
}
