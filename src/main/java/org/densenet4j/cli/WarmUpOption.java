package org.densenet4j.cli;

import picocli.CommandLine.Option;

/** The shortest time that steps warm up before they are measured. */
final class WarmUpOption {
    private static final double LONGEST = 3600;

    @Option(
            names = "--warm-up-seconds",
            paramLabel = "N",
            description =
                    "warm up for at least so many seconds, however many steps that is, because a"
                            + " JVM compiles for some; not of sweeps (bench: 10)")
    private Double seconds;

    /** For picocli. */
    WarmUpOption() {}

    /**
     * The seconds.
     *
     * @param otherwise what to use when none were given
     * @throws IllegalArgumentException when they are no time
     */
    double seconds(double otherwise) {
        double chosen = seconds == null ? otherwise : seconds;
        if (!(chosen >= 0 && chosen <= LONGEST)) {
            throw new IllegalArgumentException(
                    "warm-up-seconds = " + chosen + ": use 0 to " + (int) LONGEST);
        }
        return chosen;
    }
}
