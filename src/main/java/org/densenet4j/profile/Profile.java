package org.densenet4j.profile;

import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;
import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.Objects;

/**
 * A profiled training step: the plan's operations with what they cost and how long they took.
 *
 * @param plan lifetimes and places of all buffers
 * @param device one line about the device
 * @param operations in the order of the schedule
 * @param steps whole training steps, in seconds, in the order they ran
 * @param ceilings what the device can do at best; null where it was not measured
 * @param markSeconds time that the profiler itself takes for each operation
 * @param failure why the last step ended early; null when none did
 * @param trace launches and library calls, where the device was opened to be traced
 */
public record Profile(
        MemoryPlan plan,
        String device,
        List<OperationProfile> operations,
        List<Double> steps,
        @Nullable Ceilings ceilings,
        double markSeconds,
        @Nullable String failure,
        StepTrace trace) {

    /**
     * An operation in the profile.
     *
     * @param operation its place in the schedule
     * @param cost of one execution on a full batch
     * @param time of its executions
     */
    public record OperationProfile(Operation operation, OperationCost cost, Timing time) {
        /** {@return FLOPs per second of the median execution; 0 where it was not timed} */
        public double flopsPerSecond() {
            return time.median() > 0 ? cost.flops() / time.median() : 0;
        }

        /** {@return bytes per second of the median execution; 0 where it was not timed} */
        public double bytesPerSecond() {
            return time.median() > 0 ? cost.bytes() / time.median() : 0;
        }
    }

    /**
     * {@return what is known without running anything: memory and costs, no times}
     *
     * @param plan of training
     * @param device one line about the device
     */
    public static Profile of(MemoryPlan plan, String device) {
        Objects.requireNonNull(plan, "plan");
        Objects.requireNonNull(device, "device");
        return of(plan, device, null);
    }

    /**
     * {@return the same for a plan that cannot be carried out}
     *
     * @param plan of training
     * @param device one line about the device
     * @param failure why it cannot be carried out; null when it can
     */
    public static Profile of(MemoryPlan plan, String device, @Nullable String failure) {
        Objects.requireNonNull(plan, "plan");
        Objects.requireNonNull(device, "device");
        List<OperationCost> costs = OperationCost.of(plan);
        List<OperationProfile> operations =
                plan.operations().stream()
                        .map(o -> new OperationProfile(o, costs.get(o.index()), Timing.NONE))
                        .toList();
        return new Profile(plan, device, operations, List.of(), null, 0, failure, StepTrace.NONE);
    }

    /**
     * {@return the same with measured ceilings}
     *
     * @param measured on the same device
     */
    public Profile withCeilings(Ceilings measured) {
        Objects.requireNonNull(measured, "measured");
        return new Profile(plan, device, operations, steps, measured, markSeconds, failure, trace);
    }

    /**
     * {@return the same with the trace of its steps}
     *
     * @param taken of the same steps
     */
    public Profile withTrace(StepTrace taken) {
        Objects.requireNonNull(taken, "taken");
        return new Profile(plan, device, operations, steps, ceilings, markSeconds, failure, taken);
    }

    /** {@return times of whole steps} */
    public Timing stepTime() {
        return Timing.of(steps.stream().mapToDouble(Double::doubleValue).toArray());
    }

    /** {@return whether there are any times} */
    public boolean isTimed() {
        return operations.stream().anyMatch(o -> o.time().count() > 0);
    }

    /** {@return sum of the operations' median times} */
    public double operationSeconds() {
        return operations.stream().mapToDouble(o -> o.time().median()).sum();
    }

    /**
     * {@return sum of the operations' median times in one phase}
     *
     * @param phase forward, backward or update
     */
    public double phaseSeconds(Phase phase) {
        Objects.requireNonNull(phase, "phase");
        return operations.stream()
                .filter(o -> o.operation().phase() == phase)
                .mapToDouble(o -> o.time().median())
                .sum();
    }

    /** {@return FLOPs of a step, recomputed ones included} */
    public long flops() {
        return operations.stream().mapToLong(o -> o.cost().flops()).sum();
    }

    /** {@return share of a step's FLOPs that had been computed before} */
    public double recomputedShare() {
        long again = operations.stream().mapToLong(o -> o.cost().recomputedFlops()).sum();
        return (double) again / flops();
    }

    /** {@return batch-norm outputs of a step that were made again instead of being kept} */
    public long recomputedElements() {
        return operations.stream().mapToLong(o -> o.cost().recomputedElements()).sum();
    }

    /**
     * {@return seconds of a step that recomputed convolutions and products take, if they run at the
     * average rate of the operation that they are part of: an estimate, since they are not timed
     * alone}
     */
    public double recomputedSecondsEstimate() {
        return operations.stream()
                .filter(o -> o.cost().recomputedFlops() > 0)
                .mapToDouble(o -> o.time().median() * o.cost().recomputedFlops() / o.cost().flops())
                .sum();
    }
}
