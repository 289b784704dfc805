package org.densenet4j.profile;

import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryStrategy;

import java.util.Map;

/**
 * One strategy in a comparison.
 *
 * @param strategy what is kept between the passes
 * @param predictedBytes the plan's peak
 * @param activationBytes of the plan, beside parameters, their gradients and velocities
 * @param bytesAtPeak the same by category
 * @param largestBatch most images whose plan fits the comparison's budget; 0 for none
 * @param measured what its steps took; null when they were not run
 * @param notRun why they were not run; null when they were
 */
public record StrategyRun(
        MemoryStrategy strategy,
        long predictedBytes,
        long activationBytes,
        Map<Category, Long> bytesAtPeak,
        int largestBatch,
        Measurement measured,
        String notRun) {

    /** The same of the arena that was allocated; only where steps were run. */
    public long allocatedActivationBytes() {
        return measured.allocatedBytes() - (predictedBytes - activationBytes);
    }

    /** Of the median step; only where steps were run. */
    public double imagesPerSecond(int batch) {
        return batch / measured.stepTime().median();
    }
}
