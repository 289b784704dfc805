package org.densenet4j.reference;

/**
 * Rounds the result of every operation to fewer bits, to see what a machine with such numbers would
 * be off by.
 *
 * @param bits of the significand, 53 for none
 */
record Rounding(int bits) {
    static final int DOUBLE = 53;

    double of(double value) {
        if (bits >= DOUBLE) {
            return value;
        }
        double high = value * ((1L << DOUBLE - bits) + 1); // Dekker 1971
        return high - (high - value);
    }

    void apply(double[] values) {
        if (bits < DOUBLE) {
            for (int i = 0; i < values.length; i++) {
                values[i] = of(values[i]);
            }
        }
    }
}
