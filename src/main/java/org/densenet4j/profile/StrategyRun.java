package org.densenet4j.profile;

import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryStrategy;
import org.jspecify.annotations.Nullable;

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
        @Nullable Measurement measured,
        @Nullable String notRun) {

    private Measurement steps() {
        if (measured == null) {
            throw new IllegalStateException("no steps of " + strategy + " were run: " + notRun);
        }
        return measured;
    }

    /**
     * {@return the activation bytes of the arena that was allocated}
     *
     * @throws IllegalStateException when no steps were run
     */
    public long allocatedActivationBytes() {
        return steps().allocatedBytes() - (predictedBytes - activationBytes);
    }

    /**
     * {@return images per second in the median step}
     *
     * @param batch images of a step
     * @throws IllegalStateException when no steps were run
     */
    public double imagesPerSecond(int batch) {
        return batch / steps().stepTime().median();
    }
}
