package org.densenet4j.cli;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.profile.Benchmark;
import org.densenet4j.profile.Ceilings;
import org.densenet4j.profile.Sweep;
import org.densenet4j.spec.FamilySpec;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

/** {@code densenet4j bench}. */
@Command(
        name = "bench",
        description = {
            "Measures training under SHARED, RECOMPUTE and NAIVE, and inference, each in a fresh"
                    + " process: images per second, how close to the machine's matrix products,"
                    + " memory predicted, allocated and resident. About four minutes on two cores.",
            "With --sweep depth,batch,size it measures instead how time and memory grow (add --point"
                    + " for both); another five minutes.",
            "With --ranks or --simulate-ranks it measures, or simulates, what several ranks make of a"
                    + " step.",
            "mvn -Pbench verify measures the same beside libtorch."
        },
        mixinStandardHelpOptions = true)
final class BenchCommand implements Callable<Integer> {
    private static final List<BenchPoint> POINTS =
            List.of(new BenchPoint("bc-100-12", 64), new BenchPoint("densenet121", 16));

    /** Half of the steps of a sweep's point warm up. */
    private static final int SWEEP_STEPS = 4;

    private static final double WARM_UP_SECONDS = 10;
    private static final int SWEEP_BATCH = 8;
    private static final String SWEEP_MODEL = "bc-100-12";
    private static final List<Integer> DEPTHS = List.of(40, 100, 160, 220, 280, 340, 400);

    @Mixin private BenchDeviceOption device;
    @Mixin private WarmUpOption warmUp;
    @Mixin private OverwriteOption overwrite;
    @Mixin private RanksOption ranks;

    @Option(
            names = "--point",
            paramLabel = "MODEL:BATCH",
            split = ",",
            converter = BenchPoint.Converter.class,
            description = "what to measure (default: bc-100-12:64,densenet121:16)")
    private List<BenchPoint> points;

    @Option(
            names = "--precision",
            paramLabel = "NAME",
            split = ",",
            defaultValue = "fp32,bf16",
            description =
                    "fp32, bf16 or both; what the machine cannot do is skipped (default:"
                            + " ${DEFAULT-VALUE})")
    private List<String> precisionNames;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "8",
            description =
                    "steps of a process, the first half warm-up of at least "
                            + (int) WARM_UP_SECONDS
                            + " seconds; the median of the others counts (default:"
                            + " ${DEFAULT-VALUE})")
    private int steps;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "1",
            description = "processes of each kind, alternating (default: ${DEFAULT-VALUE})")
    private int rounds;

    @Option(
            names = "--sweep",
            paramLabel = "WHAT",
            split = ",",
            description = "depth, batch, size, or several: depth,batch,size; in fp32")
    private List<Sweep.Variable> sweeps = List.of();

    @Option(
            names = "--json",
            paramLabel = "FILE",
            description = "also write the results as JSON; - prints them instead of the tables")
    private String json;

    /** For picocli. */
    BenchCommand() {}

    @Override
    public Integer call() throws IOException {
        List<BenchPoint> wanted = points != null ? points : sweeps.isEmpty() ? POINTS : List.of();
        checkNumbers();
        Set<DataType> precisions = precisions();
        wanted.forEach(BenchPoint::spec); // refuses a wrong name before anything has run
        if (Job.hasOthers() && !ranks.isMeasured()) {
            throw new IllegalArgumentException(
                    "bench measures one process; under mpirun or srun use --ranks");
        }
        if (ranks.isMeasured() || !ranks.simulated().isEmpty()) {
            ofRanks(points != null ? points : POINTS, precisions);
            return 0;
        }
        BenchOutput output = new BenchOutput(json, overwrite.rule(List.of()));
        output.check();
        output.write(measured(wanted, precisions));
        return 0;
    }

    private void ofRanks(List<BenchPoint> wanted, Set<DataType> precisions) throws IOException {
        if (json != null || !sweeps.isEmpty()) {
            throw new IllegalArgumentException(
                    "--json and --sweep are of one rank; leave them out beside --ranks and"
                            + " --simulate-ranks");
        }
        RanksBench bench = new RanksBench(device, ranks, steps, warmUp.seconds(WARM_UP_SECONDS));
        bench.run(new LinkedHashSet<>(wanted), precisions);
    }

    private Benchmark measured(List<BenchPoint> wanted, Set<DataType> precisions)
            throws IOException {
        try (CancelSignal cancel = new CancelSignal("stopped; nothing was written")) {
            try {
                return measure(wanted, precisions);
            } catch (IOException e) {
                throw cancel.awaited(e);
            }
        }
    }

    private void checkNumbers() {
        if (steps < 2) {
            throw new IllegalArgumentException("steps = " + steps + ": use 2 or more");
        }
        if (rounds < 1) {
            throw new IllegalArgumentException("rounds = " + rounds + ": use 1 or more");
        }
    }

    private Set<DataType> precisions() {
        return precisionNames.stream()
                .map(DataType::of)
                .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    private Benchmark measure(List<BenchPoint> wanted, Set<DataType> precisions)
            throws IOException {
        double warmUpSeconds = warmUp.seconds(WARM_UP_SECONDS);
        try (Device d = device.open()) {
            BenchRun run = new BenchRun(d, device, steps, warmUpSeconds, rounds);
            for (BenchPoint point : new LinkedHashSet<>(wanted)) {
                precisions.forEach(p -> run.add(point, p));
            }
            Ceilings ceilings = wanted.isEmpty() ? null : Ceilings.measure(d);
            run.run();
            return new Benchmark(
                    HostFacts.ofThisMachine().processor(),
                    d.description(),
                    steps,
                    warmUpSeconds,
                    rounds,
                    ceilings,
                    run.rows(),
                    run.skipped(),
                    sweeps(d));
        }
    }

    private List<Sweep> sweeps(Device d) throws IOException {
        SweepRun run =
                new SweepRun(
                        new ModelOption(), device.arguments(DataType.FLOAT32), 1, SWEEP_STEPS, d);
        List<Sweep> swept = new ArrayList<>();
        for (Sweep.Variable variable : new TreeSet<>(sweeps)) {
            swept.add(run.run(range(variable), System.err));
        }
        return List.copyOf(swept);
    }

    private static SweepRange range(Sweep.Variable variable) {
        NetworkSpec spec = FamilySpec.preset(SWEEP_MODEL).build();
        return switch (variable) {
            case DEPTH -> SweepRange.depths("bc-", "-12", DEPTHS, SWEEP_BATCH);
            case BATCH -> SweepRange.batch(SWEEP_MODEL, 8 * SWEEP_BATCH);
            case SIZE -> SweepRange.size(SWEEP_MODEL, spec, SWEEP_BATCH);
        };
    }
}
