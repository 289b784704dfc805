package org.densenet4j.profile;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

class WarmedStepsTest {
    @Test
    void theSecondHalfOfTheStepsCounts() throws IOException {
        assertArrayEquals(new double[] {3, 4, 5}, WarmedSteps.run(6, 0, number -> number));
        assertArrayEquals(new double[] {2, 3, 4}, WarmedSteps.run(5, 0, number -> number));
        assertArrayEquals(new double[] {0}, WarmedSteps.run(1, 0, number -> number));
    }

    @Test
    void stepsBeforeTheEndOfTheWarmUpDoNotCount() throws IOException {
        long start = System.nanoTime();
        List<Double> ends = new ArrayList<>();
        double[] counted =
                WarmedSteps.run(
                        4,
                        0.05,
                        number -> {
                            assertEquals(ends.size(), number);
                            LockSupport.parkNanos(1_000_000);
                            ends.add(WarmedSteps.secondsSince(start));
                            return number;
                        });
        assertEquals(2, counted.length);
        assertEquals(ends.size() - 2, counted[0]);
        assertTrue(ends.get((int) counted[0] - 1) >= 0.05, () -> ends.toString());
    }

    @Test
    void aFailingStepEndsTheMeasurement() {
        assertThrows(
                IOException.class,
                () ->
                        WarmedSteps.run(
                                2,
                                0,
                                number -> {
                                    throw new IOException("no space");
                                }));
    }
}
