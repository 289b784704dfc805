package org.densenet4j.profile;

import java.util.List;

/**
 * What training steps of one strategy took in a process of their own.
 *
 * @param allocatedBytes size of the arena
 * @param residentBytes growth of the process's resident memory at its largest; 0 where the system
 *     does not tell
 * @param stepSeconds of the steps after warming up
 * @param losses of all steps
 */
public record Measurement(
        long allocatedBytes, long residentBytes, List<Double> stepSeconds, List<Double> losses) {
    /** {@return median and extremes of the steps} */
    public Timing stepTime() {
        return Timing.of(stepSeconds.stream().mapToDouble(Double::doubleValue).toArray());
    }
}
