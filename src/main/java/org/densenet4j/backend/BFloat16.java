package org.densenet4j.backend;

/** Conversion of single values to and from {@link DataType#BFLOAT16}. */
public final class BFloat16 {
    private BFloat16() {}

    /**
     * {@return the nearest bfloat16, ties to even, as hardware rounds} NaN stays NaN: adding half
     * of the last place could carry its payload over into infinity, so it gets the quiet bit
     * instead.
     *
     * @param value single precision
     */
    public static short of(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }

    /**
     * {@return the value of a bfloat16, exactly}
     *
     * @param bits the upper half of a single-precision number
     */
    public static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /**
     * {@return {@code value} rounded to a bfloat16 and back}
     *
     * @param value single precision
     */
    public static float round(float value) {
        return toFloat(of(value));
    }
}
