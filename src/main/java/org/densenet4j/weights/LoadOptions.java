package org.densenet4j.weights;

import java.util.Objects;
import java.util.Optional;

/**
 * How strictly weights must fit, and which ones are meant.
 *
 * @param resetHead leave the file's classifier alone: the network gets a freshly initialised one
 * @param ignoreUnexpected load although the file has tensors that the network does not
 * @param seed of the fresh classifier
 * @param weightsKey of a file with several networks, such as {@code teacher}: the key that the
 *     weights lie under in a PyTorch checkpoint, or what their names start with; empty for the only
 *     ones
 * @param adaptInput whether the first convolution is adapted to images of another number of
 *     channels, as timm's {@code adapt_input_conv} does: summed over red, green and blue for grey
 *     ones, repeated and scaled by 3/N for N channels
 */
public record LoadOptions(
        boolean resetHead,
        boolean ignoreUnexpected,
        long seed,
        Optional<String> weightsKey,
        boolean adaptInput) {

    /** Checks nothing but that there are values. */
    public LoadOptions {
        Objects.requireNonNull(weightsKey, "weightsKey");
    }

    /** {@return every tensor must be there, fit, and belong} */
    public static LoadOptions strict() {
        return new LoadOptions(false, false, 1, Optional.empty(), false);
    }

    /**
     * {@return the same with a fresh classifier, for fine-tuning on other classes}
     *
     * @param on whether the classifier of the file is left out and a new one drawn
     */
    public LoadOptions withResetHead(boolean on) {
        return new LoadOptions(on, ignoreUnexpected, seed, weightsKey, adaptInput);
    }

    /**
     * {@return the same with further tensors in the file allowed or not}
     *
     * @param on whether tensors of no use here are no error
     */
    public LoadOptions withIgnoreUnexpected(boolean on) {
        return new LoadOptions(resetHead, on, seed, weightsKey, adaptInput);
    }

    /**
     * {@return the same with another seed of the fresh classifier}
     *
     * @param value of what is drawn for a new classifier
     */
    public LoadOptions withSeed(long value) {
        return new LoadOptions(resetHead, ignoreUnexpected, value, weightsKey, adaptInput);
    }

    /**
     * {@return the same for one of several networks of a file, such as {@code teacher}}
     *
     * @param key names the network that is meant, of a file with several
     */
    public LoadOptions withWeightsKey(String key) {
        return new LoadOptions(
                resetHead,
                ignoreUnexpected,
                seed,
                Optional.of(Objects.requireNonNull(key, "key")),
                adaptInput);
    }

    /**
     * {@return the same with the first convolution adapted to the network's number of channels, or
     * not} {@link Weights#load} heeds it; a model of a file has that file's channels.
     *
     * @param on off unless told
     */
    public LoadOptions withAdaptedInput(boolean on) {
        return new LoadOptions(resetHead, ignoreUnexpected, seed, weightsKey, on);
    }
}
