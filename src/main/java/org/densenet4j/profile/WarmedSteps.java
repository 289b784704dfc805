package org.densenet4j.profile;

import java.io.IOException;
import java.util.Objects;

/**
 * Measures steps once they are warm. A number of steps alone does not make them so: a JVM compiles
 * for some seconds, on the cores that the steps run on, however many steps that is.
 */
public final class WarmedSteps {
    private static final int MOST_STEPS = 1 << 24;

    /** A day. */
    private static final int MOST_SECONDS = 24 * 60 * 60;

    private WarmedSteps() {}

    /** A step of something that is measured. */
    public interface Step {
        /**
         * Runs.
         *
         * @param number of the step, from 0
         * @return the seconds that count
         * @throws IOException what ends the measurement
         */
        double run(int number) throws IOException;
    }

    /**
     * Runs steps that do not count, half of {@code steps} and for at least {@code warmUpSeconds},
     * and then the other half.
     *
     * @param steps 1 or more
     * @param warmUpSeconds 0 or more, at most a day
     * @param step is called once for each step, in turn
     * @return the seconds of the steps that count
     * @throws IOException what a step throws
     */
    public static double[] run(int steps, double warmUpSeconds, Step step) throws IOException {
        Objects.requireNonNull(step, "step");
        if (steps < 1 || steps > MOST_STEPS) {
            throw new IllegalArgumentException("steps = " + steps + ": use 1 to " + MOST_STEPS);
        }
        if (!(warmUpSeconds >= 0 && warmUpSeconds <= MOST_SECONDS)) {
            throw new IllegalArgumentException(
                    "warmUpSeconds = " + warmUpSeconds + ": use 0 to " + MOST_SECONDS);
        }
        long start = System.nanoTime();
        int number = 0;
        while (number < steps / 2 || secondsSince(start) < warmUpSeconds) {
            step.run(number++);
        }
        double[] seconds = new double[steps - steps / 2];
        for (int s = 0; s < seconds.length; s++) {
            seconds[s] = step.run(number++);
        }
        return seconds;
    }

    /**
     * {@return seconds since a value of {@link System#nanoTime}}
     *
     * @param start when it began
     */
    public static double secondsSince(long start) {
        return (System.nanoTime() - start) / 1e9;
    }
}
