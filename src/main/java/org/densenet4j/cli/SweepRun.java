package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.profile.Measurement;
import org.densenet4j.profile.Sweep;

import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Memory and time of all strategies while one quantity grows. */
final class SweepRun {
    /** How often the smallest point runs before what counts, while Java compiles. */
    private static final int WARM_UPS = 4;

    private final ModelOption model;
    private final List<String> deviceArguments;
    private final long seed;
    private final int steps;
    private final Device device;

    /**
     * Prepares sweeps.
     *
     * @param model what else there is to say about each network
     * @param deviceArguments the options that give another process this device
     * @param seed of parameters and images
     * @param steps of each point, half of them warm-up; 0 for plans only
     */
    SweepRun(ModelOption model, List<String> deviceArguments, long seed, int steps, Device device) {
        this.model = model;
        this.deviceArguments = List.copyOf(deviceArguments);
        this.seed = seed;
        this.steps = steps;
        this.device = device;
    }

    /** All points of a strategy in one process: their memory is exact and their code warm. */
    Sweep run(SweepRange range, PrintStream progress) throws IOException {
        List<Sweep.Point> points = new ArrayList<>();
        for (MemoryStrategy s : MemoryStrategy.values()) {
            if (steps > 0) {
                progress.println(
                        s + " by " + range.variable().unit() + ", " + range.fixed() + " ...");
            }
            List<Long> bytes = new ArrayList<>();
            List<String> fitting = new ArrayList<>();
            for (SweepRange.Place p : range.places()) {
                bytes.add(
                        MemoryPlan.of(p.point().spec(model))
                                .strategy(s)
                                .batch(p.point().batch())
                                .on(device)
                                .peakBytes());
                if (steps > 0 && bytes.getLast() <= device.availableBytes()) {
                    fitting.add(p.point().toString());
                }
            }
            // Both are ascending, so those that fit come first.
            List<MeasuredProcess> measured = fitting.isEmpty() ? List.of() : measure(s, fitting);
            for (int i = 0; i < range.places().size(); i++) {
                SweepRange.Place p = range.places().get(i);
                Measurement m = i < measured.size() ? measured.get(i).measurement() : null;
                points.add(new Sweep.Point(s, p.value(), p.point().batch(), bytes.get(i), m));
            }
        }
        return new Sweep(range.variable(), range.fixed(), List.copyOf(points));
    }

    private List<MeasuredProcess> measure(MemoryStrategy strategy, List<String> points)
            throws IOException {
        List<String> all = new ArrayList<>(Collections.nCopies(WARM_UPS, points.getFirst()));
        all.addAll(points);
        List<MeasuredProcess> measured = MeasuredProcess.runAll(strategy, arguments(all));
        return measured.subList(WARM_UPS, measured.size());
    }

    private List<String> arguments(List<String> points) {
        String last = points.getLast();
        List<String> arguments = new ArrayList<>(model.arguments(BenchPoint.parse(last).model()));
        arguments.addAll(deviceArguments);
        arguments.addAll(List.of("--steps", String.valueOf(steps)));
        arguments.addAll(List.of("--seed", String.valueOf(seed)));
        arguments.addAll(List.of("--point", String.join(",", points)));
        return arguments;
    }
}
