package org.densenet4j.cli;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.profile.Profile;
import org.densenet4j.profile.Profiler;
import org.densenet4j.profile.RankCost;
import org.densenet4j.profile.RankSimulation;
import org.densenet4j.profile.RankTables;
import org.densenet4j.profile.WarmedSteps;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import java.io.IOException;
import java.util.Set;

/**
 * {@code bench --ranks} and {@code --simulate-ranks}. Unlike the rest of {@code bench} it measures
 * in this process, which the launcher has started.
 *
 * @param steps of each kind, the first half warm-up
 * @param warmUpSeconds shortest warm-up
 */
record RanksBench(BenchDeviceOption device, RanksOption ranks, int steps, double warmUpSeconds) {

    void run(Set<BenchPoint> points, Set<DataType> precisions) throws IOException {
        points.forEach(BenchPoint::spec); // refuses what is wrong before anything has run
        ranks.simulated();
        ranks.wire();
        ranks.machine();
        if (ranks.isMeasured()) {
            measure(points, precisions, Job.join());
        }
        if (!ranks.simulated().isEmpty() && Job.isFirst()) {
            simulate(points, precisions);
        }
    }

    private void measure(
            Set<BenchPoint> points, Set<DataType> precisions, Communicator communicator) {
        if (communicator.worldSize() < 2) {
            throw new IllegalArgumentException(
                    "--ranks needs a launcher with several ranks, such as mpirun -np 2 --bind-to"
                            + " none ./densenet4j bench --ranks");
        }
        try (Device d = device.open()) {
            d.join(communicator);
            for (BenchPoint point : points) {
                for (DataType precision : precisions) {
                    if (!d.supports(precision)) {
                        continue;
                    }
                    RankCost cost =
                            RankCost.measure(
                                    point.spec(),
                                    point.batch(),
                                    precision,
                                    d,
                                    communicator,
                                    steps,
                                    warmUpSeconds);
                    System.out.println(RankTables.measured(name(point, precision), cost));
                }
            }
        }
    }

    private static String name(BenchPoint point, DataType precision) {
        return point + ", " + precision.label();
    }

    private void simulate(Set<BenchPoint> points, Set<DataType> precisions) throws IOException {
        double[] machine = ranks.machine();
        try (Device d = device.open()) {
            for (BenchPoint point : points) {
                for (DataType precision : precisions) {
                    if (!d.supports(precision)) {
                        continue;
                    }
                    RankSimulation simulation =
                            machine.length == 0
                                    ? RankSimulation.of(traced(point, precision, d))
                                    : RankSimulation.of(
                                            plan(point, precision, d), machine[0], machine[1]);
                    System.out.println(
                            RankTables.simulated(
                                    name(point, precision),
                                    machine.length == 0
                                            ? "as traced on " + d.description()
                                            : ranks.machineText(),
                                    simulation,
                                    ranks.simulated(),
                                    ranks.wire()));
                }
            }
        }
    }

    private static MemoryPlan plan(BenchPoint point, DataType precision, Device d) {
        return MemoryPlan.of(point.spec()).batch(point.batch()).precision(precision).on(d);
    }

    /** The operations of this machine's steps. */
    private Profile traced(BenchPoint point, DataType precision, Device d) throws IOException {
        FamilySpec spec = point.spec();
        RandomImages data = new RandomImages(spec, point.batch(), 1, 1, 1);
        try (Trainer trainer =
                        Trainer.of(spec, d)
                                .batch(point.batch())
                                .precision(precision)
                                .optimizer(Sgd.nesterov(0.01))
                                .open();
                Profiler profiler = Profiler.attach(trainer, d)) {
            WarmedSteps.Step step =
                    number -> {
                        data.next().train(trainer, null);
                        return 0;
                    };
            WarmedSteps.run(2, warmUpSeconds, step);
            profiler.reset();
            for (int number = 0; number < steps; number++) {
                step.run(number);
            }
            return profiler.profile();
        }
    }
}
