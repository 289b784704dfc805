package org.densenet4j.graph;

/**
 * What a layer drops of its output in training: elements (dropout) and itself as a whole
 * (stochastic depth, Huang et al. 2016, arXiv 1603.09382).
 *
 * @param draw a number of the layer's own, which the random draws depend on
 * @param rate probability of dropping an element, 0 for none
 * @param survival probability of keeping the layer, 1 for always
 */
public record Drops(int draw, double rate, double survival) {
    /** Drops nothing. */
    public static final Drops NOTHING = new Drops(0, 0, 1);

    /** Refuses what are no probabilities. */
    public Drops {
        if (!(rate >= 0 && rate < 1) || !(survival > 0 && survival <= 1)) {
            throw new GraphException(
                    "dropout of "
                            + rate
                            + " with survival "
                            + survival
                            + ": use a rate from 0 to below 1 and a survival above 0 and up to 1");
        }
    }

    /** {@return whether anything is ever dropped} */
    public boolean any() {
        return rate > 0 || survival < 1;
    }
}
