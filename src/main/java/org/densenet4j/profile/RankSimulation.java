package org.densenet4j.profile;

import org.densenet4j.plan.GradientBucket;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * What a step of many ranks would take: a simulation, not a measurement. It plays the operations of
 * one rank's step, each for the time it takes there, and sends the gradients as training does, over
 * a stated network: in one message behind the backward pass, as on CPUs, or in buckets beside it,
 * as on GPUs. All ranks take the same time for the same work, messages take nothing from it, and
 * batches are read in time: what a cluster adds to that is not in here.
 */
public final class RankSimulation {
    private final MemoryPlan plan;
    private final double[] seconds;

    /**
     * What is played.
     *
     * @param plan of one rank's step
     * @param seconds of every operation of the schedule
     */
    public RankSimulation(MemoryPlan plan, double[] seconds) {
        Objects.requireNonNull(plan, "plan");
        Objects.requireNonNull(seconds, "seconds");
        if (seconds.length != plan.operations().size()) {
            throw new IllegalArgumentException(
                    seconds.length + " times for " + plan.operations().size() + " operations");
        }
        this.plan = plan;
        this.seconds = seconds.clone();
    }

    /**
     * {@return of a step that was profiled: the medians of its operations}
     *
     * @param profile of one rank's step on this machine
     */
    public static RankSimulation of(Profile profile) {
        Objects.requireNonNull(profile, "profile");
        return new RankSimulation(
                profile.plan(),
                profile.operations().stream().mapToDouble(o -> o.time().median()).toArray());
    }

    /**
     * {@return of a device that is not here: each operation takes the longer of what its bytes and
     * its FLOPs need at these rates}
     *
     * @param plan of one rank's step
     * @param bytesPerSecond of its memory
     * @param flopsPerSecond of its products and convolutions
     */
    public static RankSimulation of(MemoryPlan plan, double bytesPerSecond, double flopsPerSecond) {
        Objects.requireNonNull(plan, "plan");
        if (!(bytesPerSecond > 0 && flopsPerSecond > 0)) {
            throw new IllegalArgumentException("a device's rates are above 0");
        }
        return new RankSimulation(
                plan,
                OperationCost.of(plan).stream()
                        .mapToDouble(
                                c ->
                                        Math.max(
                                                c.bytes() / bytesPerSecond,
                                                c.flops() / flopsPerSecond))
                        .toArray());
    }

    /**
     * A step of so many ranks.
     *
     * @param ranks how many
     * @param sumSeconds of all messages, if nothing else went on
     * @param stepSeconds of the whole step
     * @param exposedSeconds that work waited for the sums
     * @param efficiency a step of one rank alone divided by this one: each rank has as many images
     */
    public record Step(
            int ranks,
            double sumSeconds,
            double stepSeconds,
            double exposedSeconds,
            double efficiency) {
        /** {@return share of the sums' time that work did not wait for} */
        public double hiddenShare() {
            return sumSeconds == 0 ? 1 : 1 - exposedSeconds / sumSeconds;
        }
    }

    /** {@return seconds of a step of one rank} */
    public double aloneSeconds() {
        double all = 0;
        for (double s : seconds) {
            all += s;
        }
        return all;
    }

    /**
     * {@return a step of so many ranks}
     *
     * @param ranks 1 or more
     * @param wire that each rank sends over
     * @param algorithm of the sums
     * @param inBuckets whether the gradients are sent beside the backward pass
     */
    public Step step(int ranks, Wire wire, Wire.Algorithm algorithm, boolean inBuckets) {
        Objects.requireNonNull(wire, "wire");
        Objects.requireNonNull(algorithm, "algorithm");
        double work = 0; // When the operation that is played is over.
        double sent = 0; // When the last message has arrived.
        double sums = 0;
        double exposed = 0;
        List<GradientBucket> messages = messages(inBuckets);
        for (Operation o : plan.operations()) {
            if (o.phase() == Phase.UPDATE) {
                exposed = Math.max(0, sent - work);
                work += exposed;
            }
            work += seconds[o.index()];
            for (GradientBucket message : messages) {
                if (message.operation() == o.index()) {
                    double takes = wire.allReduceSeconds(message.bytes(), ranks, algorithm);
                    sums += takes;
                    sent = Math.max(sent, work) + takes;
                }
            }
        }
        return new Step(ranks, sums, work, exposed, aloneSeconds() / work);
    }

    private List<GradientBucket> messages(boolean inBuckets) {
        List<GradientBucket> buckets = GradientBucket.of(plan);
        if (inBuckets) {
            return buckets;
        }
        List<GradientBucket> one = new ArrayList<>();
        one.add(
                new GradientBucket(
                        buckets.getLast().operation(),
                        List.of(plan.memory().parameterGradients())));
        return one;
    }
}
