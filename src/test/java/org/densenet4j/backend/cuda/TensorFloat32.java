package org.densenet4j.backend.cuda;

/** What rounding to TF32 does: 10 bits behind the point, of two as near the one away from zero. */
final class TensorFloat32 {
    /**
     * Two operands, each rounded by half a unit of the last of 10 bits, and the product of both.
     */
    static final double ROUNDING_OF_PRODUCT = 0x1p-10 + 0x1p-22;

    private TensorFloat32() {}

    static float round(float value) {
        return Float.intBitsToFloat(Float.floatToRawIntBits(value) + 0x1000 & 0xFFFFE000);
    }
}
