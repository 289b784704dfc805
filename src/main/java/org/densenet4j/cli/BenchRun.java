package org.densenet4j.cli;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.profile.BenchmarkRow;
import org.densenet4j.profile.Measurement;

import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Measures points in fresh processes, round by round, so that no row has a quiet hour to itself.
 */
final class BenchRun {
    private final Device device;
    private final BenchDeviceOption option;
    private final int steps;
    private final double warmUpSeconds;
    private final int rounds;
    private final List<Job> jobs = new ArrayList<>();
    private final Set<String> skipped = new LinkedHashSet<>();

    BenchRun(Device device, BenchDeviceOption option, int steps, double warmUpSeconds, int rounds) {
        this.device = device;
        this.option = option;
        this.steps = steps;
        this.warmUpSeconds = warmUpSeconds;
        this.rounds = rounds;
    }

    /** A row that is being measured; the strategy is null for inference. */
    private record Job(
            BenchPoint point,
            DataType precision,
            MemoryStrategy strategy,
            long flops,
            List<MeasuredProcess> measured) {
        BenchmarkRow.Work work() {
            return strategy == null ? BenchmarkRow.Work.INFERENCE : BenchmarkRow.Work.TRAINING;
        }

        String name() {
            return point
                    + " "
                    + precision
                    + ", "
                    + (strategy == null ? "inference" : strategy.name());
        }

        BenchmarkRow row() {
            List<Measurement> measurements =
                    measured.stream().map(MeasuredProcess::measurement).toList();
            return new BenchmarkRow(
                    point.model(),
                    point.batch(),
                    work(),
                    precision.label(),
                    strategy,
                    flops,
                    measured.getFirst().predicted(),
                    measured.getFirst().activations(),
                    measurements);
        }
    }

    /** All strategies, and inference, of a point, as far as the machine has the memory. */
    void add(BenchPoint point, DataType precision) {
        if (!device.supports(precision)) {
            skipped.add(precision + ": not for this device (" + device.description() + ")");
            return;
        }
        NetworkSpec spec = point.spec();
        Map<MemoryStrategy, MemoryPlan> plans = new EnumMap<>(MemoryStrategy.class);
        for (MemoryStrategy s :
                List.of(MemoryStrategy.SHARED, MemoryStrategy.RECOMPUTE, MemoryStrategy.NAIVE)) {
            MemoryPlan plan =
                    MemoryPlan.of(spec)
                            .strategy(s)
                            .batch(point.batch())
                            .precision(precision)
                            .on(device);
            plans.put(s, plan);
            add(point, precision, s, plan, plan.peakBytes());
        }
        long inference =
                InferencePlan.of(spec)
                        .batch(point.batch())
                        .precision(precision)
                        .on(device)
                        .peakBytes();
        add(point, precision, null, plans.get(MemoryStrategy.SHARED), inference);
    }

    private void add(
            BenchPoint point,
            DataType precision,
            MemoryStrategy strategy,
            MemoryPlan plan,
            long bytes) {
        BenchmarkRow.Work work =
                strategy == null ? BenchmarkRow.Work.INFERENCE : BenchmarkRow.Work.TRAINING;
        Job job = new Job(point, precision, strategy, work.flops(plan), new ArrayList<>());
        if (bytes > device.availableBytes()) {
            skipped.add(
                    job.name()
                            + " needs "
                            + Bytes.format(bytes)
                            + ", this machine has "
                            + Bytes.format(device.availableBytes())
                            + " left");
        } else {
            jobs.add(job);
        }
    }

    /** Runs every round. */
    void run() throws IOException {
        for (int round = 1; round <= rounds; round++) {
            for (Job job : jobs) {
                System.err.println(job.name() + (rounds > 1 ? ", round " + round : "") + " ...");
                measure(job);
            }
        }
    }

    private void measure(Job job) throws IOException {
        List<String> arguments = arguments(job);
        job.measured()
                .add(
                        job.strategy() == null
                                ? MeasuredProcess.runInference(arguments)
                                : MeasuredProcess.run(job.strategy(), arguments));
    }

    private List<String> arguments(Job job) {
        List<String> arguments = new ArrayList<>(option.arguments(job.precision()));
        arguments.addAll(List.of("--steps", String.valueOf(steps)));
        arguments.addAll(List.of("--warm-up-seconds", String.valueOf(warmUpSeconds)));
        arguments.addAll(List.of("--point", job.point().toString()));
        return arguments;
    }

    List<BenchmarkRow> rows() {
        return jobs.stream().filter(job -> !job.measured().isEmpty()).map(Job::row).toList();
    }

    List<String> skipped() {
        return List.copyOf(skipped);
    }
}
