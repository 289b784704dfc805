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
 * @param rate probability of dropping, {@code 0 <= rate < 1}
 * @param seed key of the generator
 * @param counter byte offset, in the arena, of the training step as two 32-bit words, low first: it
 *     is read when the kernel runs, so that a recorded step draws other elements each time
 * @param layer number of the layer in the network
 */
public record Dropout(float rate, long seed, long counter, int layer) {
    /** Keeps everything. */
    public static final Dropout NONE = new Dropout(0, 0, 0, 0);

    /** What a kept element is multiplied by: 1/(1 − rate). */
    public float keptScale() {
        return 1f / (1f - rate);
    }

    /** Words below this are dropped; compare unsigned. */
    public int threshold() {
        return (int) Math.min(0xFFFF_FFFFL, (long) (rate * 4294967296.0));
    }

    /** Whether anything is dropped. */
    public boolean active() {
        return rate > 0;
    }
}
