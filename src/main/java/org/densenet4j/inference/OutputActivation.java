package org.densenet4j.inference;

/** What {@link Predictor#outputs} makes of logits: choose what the network's loss was made for. */
public enum OutputActivation {
    /**
     * {@code exp(z[c]) / Σ exp(z)}: probabilities of classes of which an image, or a pixel, shows
     * one. They add up to 1.
     */
    SOFTMAX,

    /**
     * {@code 1 / (1 + exp(−z))} of every logit: the probability of each label by itself, where an
     * image may have several labels or none.
     */
    SIGMOID,

    /** The logits as they are: numbers that were trained as such, as in a regression. */
    NONE;

    /**
     * Replaces logits by outputs, computed in double precision.
     *
     * @param values rows of {@code classes} finite logits, one row for each image or pixel
     */
    void apply(float[] values, int classes) {
        switch (this) {
            case SOFTMAX -> {
                for (int at = 0; at < values.length; at += classes) {
                    softmax(values, at, classes);
                }
            }
            case SIGMOID -> {
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) (1 / (1 + Math.exp(-values[i])));
                }
            }
            case NONE -> {}
        }
    }

    private static void softmax(float[] values, int at, int classes) {
        float largest = Float.NEGATIVE_INFINITY;
        for (int c = 0; c < classes; c++) {
            largest = Math.max(largest, values[at + c]);
        }
        double sum = 0;
        for (int c = 0; c < classes; c++) {
            sum += Math.exp(values[at + c] - largest);
        }
        for (int c = 0; c < classes; c++) {
            values[at + c] = (float) (Math.exp(values[at + c] - largest) / sum);
        }
    }
}
