package org.densenet4j.engine;

import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.Matrix;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.plan.GradientBucket;
import org.densenet4j.plan.MemoryPlan;

import java.util.List;

/**
 * The sum of the gradients over all ranks. A device that sums beside its other work gets them in
 * buckets, each as soon as the backward pass has finished it; any other gets one message when the
 * pass is over.
 */
final class GradientSum {
    private final DeviceArena arena;
    private final Matrix gradients;
    private final List<GradientBucket> buckets;

    GradientSum(MemoryPlan plan, DeviceArena arena) {
        this.arena = arena;
        this.gradients = plan.memory().parameterGradients();
        this.buckets = arena.sumsBesideWork() ? GradientBucket.of(plan) : List.of();
    }

    /** Told of every operation of the backward pass when it is queued. */
    void afterBackward(int operation, Communicator communicator) {
        for (GradientBucket bucket : buckets) {
            if (bucket.operation() == operation) {
                arena.startAllReduce(bucket.parts(), communicator);
            }
        }
    }

    /** The backward pass is queued; what is queued from here on finds the sums. */
    void finish(Communicator communicator) {
        if (buckets.isEmpty()) {
            arena.allReduce(gradients, communicator);
        } else {
            arena.awaitAllReduce();
        }
    }
}
