package org.densenet4j.reference;

/**
 * Rounds the result of every operation to fewer bits, to see what a machine with such numbers would
 * be off by.
 *
 * @param bits of the significand, 53 for none
 */
record Rounding(int bits) {
    static final int DOUBLE = 53;

    void apply(double[] values) {
        if (bits >= DOUBLE) {
            return;
        }
        double split = (double) (1L << DOUBLE - bits) + 1; // Dekker 1971
        for (int i = 0; i < values.length; i++) {
            double high = values[i] * split;
            values[i] = high - (high - values[i]);
        }
    }
}
