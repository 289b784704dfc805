package org.densenet4j.weights;

/**
 * How strictly weights must fit.
 *
 * @param resetHead leave the file's classifier alone: the network gets a freshly initialised one
 * @param ignoreUnexpected load although the file has tensors that the network does not
 * @param seed of the fresh classifier
 */
public record LoadOptions(boolean resetHead, boolean ignoreUnexpected, long seed) {
    /** Every tensor must be there, fit, and belong. */
    public static LoadOptions strict() {
        return new LoadOptions(false, false, 1);
    }

    /** The same with a fresh classifier, for fine-tuning on other classes. */
    public LoadOptions withResetHead(boolean on) {
        return new LoadOptions(on, ignoreUnexpected, seed);
    }

    /** The same with further tensors in the file allowed or not. */
    public LoadOptions withIgnoreUnexpected(boolean on) {
        return new LoadOptions(resetHead, on, seed);
    }

    /** The same with another seed of the fresh classifier. */
    public LoadOptions withSeed(long value) {
        return new LoadOptions(resetHead, ignoreUnexpected, value);
    }
}
