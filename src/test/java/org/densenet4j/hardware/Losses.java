package org.densenet4j.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;

/** Comparisons of losses between devices. */
final class Losses {
    private Losses() {}

    /** Step by step, relative to the expected loss. */
    static void assertClose(List<Double> expected, List<Double> actual, double tolerance) {
        assertEquals(expected.size(), actual.size());
        for (int step = 0; step < expected.size(); step++) {
            double loss = expected.get(step);
            String message = "step " + (step + 1) + " of " + expected + " and " + actual;
            assertEquals(loss, actual.get(step), tolerance * loss, message);
        }
    }
}
