package org.densenet4j.cli;

import org.densenet4j.profile.Wire;

import picocli.CommandLine.Option;

import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What {@code bench} measures or simulates of several ranks instead of one. */
final class RanksOption {
    private static final Pattern PAIR =
            Pattern.compile("(\\d{1,9}(?:\\.\\d+)?):(\\d{1,9}(?:\\.\\d+)?)");
    private static final int MOST_RANKS = 1 << 20;

    @Option(
            names = "--ranks",
            description =
                    "under mpirun or srun: what the sum of the gradients over this job's ranks costs,"
                            + " and how much of it hides behind the backward pass; a --point's batch"
                            + " is each rank's")
    private boolean measured;

    @Option(
            names = "--simulate-ranks",
            paramLabel = "N",
            split = ",",
            description =
                    "a simulation of so many ranks on the network --wire, from a trace of this"
                            + " machine's step, or of the step of --machine")
    private List<Integer> simulated = List.of();

    @Option(
            names = "--wire",
            paramLabel = "GB/s:µs",
            defaultValue = "10:5",
            description =
                    "what a rank achieves in each direction, and a message's latency (default:"
                            + " ${DEFAULT-VALUE}, 80 %% of 100 Gb/s with RDMA)")
    private String wire;

    @Option(
            names = "--machine",
            paramLabel = "GB/s:TFLOP/s",
            description =
                    "a device that is not here, whose operations take what their bytes and FLOPs"
                            + " need at these rates, and which sends buckets beside its work as a"
                            + " GPU does")
    private String machine;

    /** For picocli. */
    RanksOption() {}

    boolean isMeasured() {
        return measured;
    }

    /** The numbers of ranks to simulate; empty for none. */
    List<Integer> simulated() {
        for (int ranks : simulated) {
            if (ranks < 1 || ranks > MOST_RANKS) {
                throw new IllegalArgumentException(
                        "--simulate-ranks " + ranks + ": use 1 to " + MOST_RANKS);
            }
        }
        return simulated;
    }

    Wire wire() {
        double[] rates = pair("--wire", wire);
        return new Wire(1e9 * rates[0], 1e-6 * rates[1]);
    }

    /** Bytes and FLOPs per second of a device that is not here; empty to trace the one that is. */
    double[] machine() {
        if (machine == null) {
            return new double[0];
        }
        double[] rates = pair("--machine", machine);
        return new double[] {1e9 * rates[0], 1e12 * rates[1]};
    }

    /** The same for people. */
    String machineText() {
        double[] rates = machine();
        return String.format(
                Locale.ROOT,
                "as on a device of %.0f GB/s and %.0f TFLOP/s",
                rates[0] / 1e9,
                rates[1] / 1e12);
    }

    private static double[] pair(String option, String text) {
        Matcher pair = PAIR.matcher(text);
        if (!pair.matches() || Double.parseDouble(pair.group(1)) == 0) {
            throw new IllegalArgumentException(
                    String.format(
                            Locale.ROOT, "%s '%s': use two numbers such as 10:5", option, text));
        }
        return new double[] {Double.parseDouble(pair.group(1)), Double.parseDouble(pair.group(2))};
    }
}
