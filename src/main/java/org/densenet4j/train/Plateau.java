package org.densenet4j.train;

import java.util.Locale;

/**
 * Lowers the learning rate where the test loss gets no better, as PyTorch's {@code
 * ReduceLROnPlateau} with a relative threshold does. Holds what it has seen, which {@link #state}
 * and {@link #restore} carry over an interruption.
 */
public final class Plateau {
    /** A change of the rate that is smaller is none, as in PyTorch. */
    private static final double SMALLEST_CHANGE = 1e-8;

    private final double factor;
    private final int patience;
    private final double threshold;
    private final int cooldown;
    private final double least;
    private final double rate;

    private double scale = 1;
    private double best = Double.POSITIVE_INFINITY;
    private int bad;
    private int cooling;

    /**
     * Nothing seen yet.
     *
     * @param factor what the rate is multiplied by, above 0 and below 1
     * @param patience losses that are no better before it is
     * @param threshold share by which a loss must be lower to be better, from 0 to below 1
     * @param cooldown losses after a reduction that are not counted
     * @param least share of the first rate that is never gone below
     * @param rate the first rate
     */
    public Plateau(
            double factor,
            int patience,
            double threshold,
            int cooldown,
            double least,
            double rate) {
        require(factor > 0 && factor < 1, "factor", factor, "a number between 0 and 1");
        require(patience >= 0, "patience", patience, "0 or more");
        require(threshold >= 0 && threshold < 1, "threshold", threshold, "0 to below 1");
        require(cooldown >= 0, "cooldown", cooldown, "0 or more");
        require(least >= 0 && least <= 1, "least", least, "a share from 0 to 1");
        require(rate >= 0, "rate", rate, "0 or more");
        this.factor = factor;
        this.patience = patience;
        this.threshold = threshold;
        this.cooldown = cooldown;
        this.least = least;
        this.rate = rate;
    }

    private static void require(boolean condition, String what, double value, String use) {
        if (!condition) {
            throw new IllegalArgumentException(what + " = " + value + ": use " + use);
        }
    }

    /** {@return what the rate is multiplied by now, from 1 down} */
    public double scale() {
        return scale;
    }

    /**
     * Takes the loss of a test.
     *
     * @param loss one that is not finite is never better
     */
    public void step(double loss) {
        if (loss < best * (1 - threshold)) {
            best = loss;
            bad = 0;
        } else {
            bad++;
        }
        if (cooling > 0) {
            cooling--;
            bad = 0;
        }
        if (bad > patience) {
            double lower = Math.max(scale * factor, least);
            if ((scale - lower) * rate > SMALLEST_CHANGE) {
                scale = lower;
            }
            cooling = cooldown;
            bad = 0;
        }
    }

    /** {@return what it has seen, as text} */
    public String state() {
        return String.format(Locale.ROOT, "%s %s %d %d", scale, best, bad, cooling);
    }

    /**
     * Goes on from a state.
     *
     * @param state of {@link #state}
     * @throws NumberFormatException when it is none
     */
    public void restore(String state) {
        String[] parts = state.split(" ");
        if (parts.length != 4) {
            throw new NumberFormatException("a plateau's state has 4 numbers, not " + state);
        }
        scale = Double.parseDouble(parts[0]);
        best = Double.parseDouble(parts[1]);
        bad = Integer.parseInt(parts[2]);
        cooling = Integer.parseInt(parts[3]);
    }
}
