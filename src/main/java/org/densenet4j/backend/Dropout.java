package org.densenet4j.backend;

/**
 * Counter-based dropout (Srivastava et al. 2014): whether an element is dropped is a function of
 * (seed, step, layer, element) alone, so the backward pass and a recomputation draw it again and no
 * mask is stored.
 *
 * <p>Element {@code e} of a layer's output (row-major over the batch) uses word {@code e mod 4} of
 * Philox4x32-10 (Salmon et al. 2011) with counter {@code (e / 4, layer, step low, step high)} and
 * the seed as key, and is dropped when that word, as an unsigned number, is below {@code
 * rate·2^32}.
 *
 * <p>It also carries stochastic depth (Huang et al. 2016): the whole layer's output is zero when
 * word 0 of the counter {@code (2^32 − 1, layer, step low, step high)}, which no element uses, is
 * below {@code (1 − survival)·2^32}. What is kept is multiplied by {@code 1/survival} in training,
 * so that evaluation has nothing to do. The paper multiplies by the survival probability in
 * evaluation instead; behind batch normalisation, which every consumer starts with, both give the
 * same outputs.
 *
 * @param rate probability of dropping, {@code 0 <= rate < 1}
 * @param seed key of the generator
 * @param counter byte offset, in the arena, of the training step as two 32-bit words, low first: it
 *     is read when the kernel runs, so that a recorded step draws other elements each time
 * @param layer number of the layer in the network
 * @param survival probability that the layer is not dropped as a whole, {@code 0 < survival <= 1}
 */
public record Dropout(float rate, long seed, long counter, int layer, float survival) {
    /** First counter word of a layer's own draw. */
    public static final int LAYER_DRAW = -1;

    /** Keeps everything. */
    public static final Dropout NONE = new Dropout(0, 0, 0, 0);

    /**
     * Drops single elements only.
     *
     * @param rate probability of dropping, {@code 0 <= rate < 1}
     * @param seed key of the generator
     * @param counter byte offset, in the arena, of the training step as two 32-bit words, low first
     * @param layer number of the layer in the network
     */
    public Dropout(float rate, long seed, long counter, int layer) {
        this(rate, seed, counter, layer, 1);
    }

    /** {@return what a kept element of a kept layer is multiplied by: 1/((1 − rate)·survival)} */
    public float keptScale() {
        return 1f / ((1f - rate) * survival);
    }

    /** {@return words below this are dropped; compare unsigned} */
    public int threshold() {
        return threshold(rate);
    }

    /** {@return a layer whose own draw is below this is dropped as a whole; compare unsigned} */
    public int layerThreshold() {
        return threshold(1f - survival);
    }

    private static int threshold(float probability) {
        return (int) Math.min(0xFFFF_FFFFL, (long) (probability * 4294967296.0));
    }

    /** {@return whether anything is dropped} */
    public boolean active() {
        return rate > 0 || survival < 1;
    }
}
