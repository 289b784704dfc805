package org.densenet4j.cli;

import org.densenet4j.profile.Timing;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What {@code measure} says of one point: {@code key=value}, on one line that {@link
 * MeasuredProcess} reads.
 *
 * @param kind the strategy, or INFERENCE
 * @param batch images of a step
 * @param predicted bytes of the plan
 * @param allocated bytes of the arena
 * @param activations bytes of the arena beside the model's state
 * @param resident growth of the process's resident memory
 * @param seconds of the steps after warming up
 * @param losses of all steps; none for inference
 * @param facts further keys and values without blanks, such as how the device computes
 */
record MeasuredLine(
        String kind,
        int batch,
        long predicted,
        long allocated,
        long activations,
        long resident,
        double[] seconds,
        double[] losses,
        Map<String, String> facts) {
    void print() {
        double median = Timing.of(seconds).median();
        System.out.printf(
                Locale.ROOT,
                "strategy=%s predicted=%d allocated=%d activations=%d resident=%d"
                        + " medianSeconds=%.6f imagesPerSecond=%.2f seconds=%s losses=%s%s%n",
                kind,
                predicted,
                allocated,
                activations,
                resident,
                median,
                batch / median,
                list(seconds),
                list(losses),
                facts.entrySet().stream()
                        .map(fact -> " " + fact.getKey() + "=" + fact.getValue())
                        .collect(Collectors.joining()));
    }

    private static String list(double[] values) {
        return Arrays.stream(values).mapToObj(Double::toString).collect(Collectors.joining(","));
    }
}
