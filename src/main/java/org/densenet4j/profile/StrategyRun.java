package org.densenet4j.profile;

import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryStrategy;

import java.util.Map;

/**
 * One strategy in a comparison.
 *
 * @param strategy what is kept between the passes
 * @param predictedBytes the plan's peak
 * @param bytesAtPeak the same by category
 * @param largestBatch most images whose plan fits the comparison's budget; 0 for none
 * @param measured what its steps took; null when they were not run
 * @param notRun why they were not run; null when they were
 */
public record StrategyRun(
        MemoryStrategy strategy,
        long predictedBytes,
        Map<Category, Long> bytesAtPeak,
        int largestBatch,
        Measurement measured,
        String notRun) {}
