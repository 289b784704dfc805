package org.densenet4j.train;

/** The learning rate over the course of training. */
@FunctionalInterface
public interface LearningRateSchedule {
    /**
     * @param progress share of all steps done, from 0 to below 1
     */
    double rate(double progress);

    /** Always the same. */
    static LearningRateSchedule constant(double rate) {
        return progress -> rate;
    }

    /** Divided by 10 at half and at three quarters, as the DenseNet paper trains on CIFAR. */
    static LearningRateSchedule step(double rate) {
        return steps(rate, 0.1, 0.5, 0.75);
    }

    /**
     * Multiplied by {@code factor} at each milestone.
     *
     * @param milestones rising shares of all steps
     */
    static LearningRateSchedule steps(double rate, double factor, double... milestones) {
        double[] at = milestones.clone();
        return progress -> {
            int passed = 0;
            while (passed < at.length && progress >= at[passed]) {
                passed++;
            }
            return rate * Math.pow(factor, passed);
        };
    }

    /** Half a cosine down to zero (Loshchilov and Hutter 2017), as the technical report trains. */
    static LearningRateSchedule cosine(double rate) {
        return progress -> 0.5 * rate * (1 + Math.cos(Math.PI * progress));
    }

    /** Rises linearly over the first {@code share} of training. */
    default LearningRateSchedule withWarmUp(double share) {
        return progress ->
                progress < share ? rate(share) * (progress + 1e-3) / share : rate(progress);
    }
}
