package org.densenet4j.profile;

import java.util.Arrays;
import java.util.Objects;

/**
 * Seconds of something that ran several times.
 *
 * @param median the middle one; of an even number the mean of the two in the middle
 * @param min the shortest
 * @param max the longest
 * @param count how often it ran; the others are 0 when it did not
 */
public record Timing(double median, double min, double max, int count) {
    /** Of something that never ran. */
    public static final Timing NONE = new Timing(0, 0, 0, 0);

    /**
     * {@return of these runs}
     *
     * @param seconds of each run; none gives {@link #NONE}
     */
    public static Timing of(double... seconds) {
        Objects.requireNonNull(seconds, "seconds");
        if (seconds.length == 0) {
            return NONE;
        }
        double[] sorted = seconds.clone();
        Arrays.sort(sorted);
        int half = sorted.length / 2;
        double median =
                sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
        return new Timing(median, sorted[0], sorted[sorted.length - 1], sorted.length);
    }
}
