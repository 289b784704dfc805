package org.densenet4j.data;

/**
 * Weighted sums of lines of bytes, which is what {@link Resampler} spends its time on. Weights are
 * whole multiples of 2^-22, so that every way of summing gives the same bytes.
 */
interface LineSums {
    /** Bits of a weight behind the point: eight of a value, and two for sums beyond 0 to 255. */
    int PRECISION = 32 - 8 - 2;

    /** Rounds a sum. */
    int HALF = 1 << (PRECISION - 1);

    /**
     * Vector instructions where the JVM was started with {@code jdk.incubator.vector}, which takes
     * an eighth of the time: the compiler finds none by itself for sums of bytes.
     */
    LineSums BEST =
            ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()
                    ? VectorLineSums.best()
                    : LineSums::oneByOne;

    /**
     * Sums neighbouring lines.
     *
     * @param lines of {@code length} unsigned bytes each
     * @param from where the first line begins
     * @param weights of as many lines as they are
     * @param out receives the sums, rounded and clipped to 0 to 255
     * @param at where
     * @param length of a line
     */
    void sum(byte[] lines, int from, int[] weights, byte[] out, int at, int length);

    /** The plain loop. */
    static void oneByOne(byte[] lines, int from, int[] weights, byte[] out, int at, int length) {
        range(0, lines, from, weights, out, at, length);
    }

    /** Sums from position {@code first} of the lines to their end. */
    static void range(
            int first, byte[] lines, int from, int[] weights, byte[] out, int at, int length) {
        for (int j = first; j < length; j++) {
            int sum = HALF;
            int line = from + j;
            for (int weight : weights) {
                sum += weight * (lines[line] & 0xFF);
                line += length;
            }
            out[at + j] = (byte) Math.clamp(sum >> PRECISION, 0, 255);
        }
    }
}
