package org.densenet4j.profile;

import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;

import java.util.List;

/**
 * FLOPs that the result needs, two for each multiply-add, as {@link OperationCost} counts them:
 * what a strategy computes a second time is not useful, so all strategies are measured by the same.
 */
final class UsefulFlops {
    private UsefulFlops() {}

    /** Of a training step with a full batch. */
    static long training(MemoryPlan plan) {
        return OperationCost.of(plan).stream()
                .mapToLong(c -> c.flops() - c.recomputedFlops())
                .sum();
    }

    /** Of the forward pass alone. */
    static long inference(MemoryPlan plan) {
        List<OperationCost> costs = OperationCost.of(plan);
        long sum = 0;
        for (Operation o : plan.operations()) {
            if (o.phase() == Phase.FORWARD) {
                OperationCost c = costs.get(o.index());
                sum += c.flops() - c.recomputedFlops();
            }
        }
        return sum;
    }
}
