package org.densenet4j.random;

import java.util.random.RandomGenerator;

/**
 * A sequence of random numbers that is a function of (seed, purpose, a, b): draws of one epoch and
 * image, for example, whatever was drawn before, elsewhere, or by another thread.
 *
 * <p>Word {@code i} is word {@code i mod 4} of {@link Philox} with counter {@code (i / 4, purpose,
 * a, b)} and the seed as key. Not thread-safe.
 */
public final class PhiloxRandom implements RandomGenerator {
    private final int[] words = new int[4];
    private final long seed;
    private final int purpose;
    private final int a;
    private final int b;
    private int next;

    /**
     * Starts the sequence.
     *
     * @param purpose below 1000, so that it differs from dropout's layers under the same seed
     */
    public PhiloxRandom(long seed, int purpose, int a, int b) {
        this.seed = seed;
        this.purpose = purpose;
        this.a = a;
        this.b = b;
    }

    @Override
    public int nextInt() {
        int position = next++;
        if ((position & 3) == 0) {
            Philox.next(position >>> 2, purpose, a, b, (int) seed, (int) (seed >>> 32), words);
        }
        return words[position & 3];
    }

    @Override
    public long nextLong() {
        long high = nextInt();
        return high << 32 | (nextInt() & 0xFFFF_FFFFL);
    }
}
