package org.densenet4j.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.math.BigDecimal;
import java.util.SplittableRandom;

/** Conversions, all exact: to the nearest of the 65,536 values, ties to the even one. */
class BFloat16Test {
    private static final int VALUES = 1 << 16;
    private static final int QUIET = 0x40;

    @Test
    void everyValueComesBackFromSinglePrecision() {
        for (int bits = 0; bits < VALUES; bits++) {
            float value = BFloat16.toFloat((short) bits);
            assertEquals(bits << 16, Float.floatToRawIntBits(value));
            int expected = Float.isNaN(value) ? bits | QUIET : bits;
            assertEquals((short) expected, BFloat16.of(value), Integer.toHexString(bits));
        }
    }

    @Test
    void floatsRoundToTheNearestNeighbour() {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 200_000; i++) {
            checkNearest(Float.intBitsToFloat(random.nextInt()));
        }
    }

    @Test
    void halfwayBetweenTwoNeighboursTheEvenOneIsTaken() {
        for (int bits = 0; bits < VALUES; bits++) {
            checkNearest(Float.intBitsToFloat(bits << 16 | 0x8000));
            checkNearest(Float.intBitsToFloat(bits << 16 | 0x7fff));
            checkNearest(Float.intBitsToFloat(bits << 16 | 0x8001));
        }
    }

    /** The definition, in exact decimal arithmetic. */
    private static void checkNearest(float value) {
        if (!Float.isFinite(value)) {
            return;
        }
        int below = Float.floatToRawIntBits(value) >>> 16; // towards zero
        BigDecimal v = new BigDecimal(Math.abs(value));
        BigDecimal down = v.subtract(magnitude(below));
        BigDecimal up = magnitude(below + 1).subtract(v);
        int nearest = down.compareTo(up);
        int expected = nearest < 0 || nearest == 0 && below % 2 == 0 ? below : below + 1;
        assertEquals((short) expected, BFloat16.of(value), () -> Float.toHexString(value));
    }

    /** The absolute value; infinity counts as 2^128, the next power, as IEEE 754 rounds to it. */
    private static BigDecimal magnitude(int bits) {
        int positive = bits & 0x7fff;
        return positive == 0x7f80
                ? BigDecimal.TWO.pow(128)
                : new BigDecimal(BFloat16.toFloat((short) positive));
    }

    @Test
    void whatIsTooLargeBecomesInfinity() {
        float largest = Float.intBitsToFloat(0x7f7f_0000);
        assertEquals(largest, BFloat16.round(largest));
        assertEquals(largest, BFloat16.round(Float.intBitsToFloat(0x7f7f_7fff)));
        assertEquals(Float.POSITIVE_INFINITY, BFloat16.round(Float.intBitsToFloat(0x7f7f_8000)));
        assertEquals(Float.POSITIVE_INFINITY, BFloat16.round(Float.MAX_VALUE));
        assertEquals(Float.NEGATIVE_INFINITY, BFloat16.round(-Float.MAX_VALUE));
        assertEquals(Float.POSITIVE_INFINITY, BFloat16.round(Float.POSITIVE_INFINITY));
        assertEquals(Float.NEGATIVE_INFINITY, BFloat16.round(Float.NEGATIVE_INFINITY));
    }

    @Test
    void subnormalsKeepTheirSignAndRoundLikeOthers() {
        float smallest = Float.intBitsToFloat(0x0001_0000);
        assertEquals(smallest, BFloat16.round(smallest));
        assertEquals(0f, BFloat16.round(smallest / 2));
        assertEquals(smallest, BFloat16.round(Math.nextUp(smallest / 2)));
        assertEquals(-0f, BFloat16.round(-Float.MIN_VALUE));
        assertEquals(
                Float.MIN_NORMAL, BFloat16.round(Math.nextDown(Float.MIN_NORMAL)), "carries over");
    }

    @Test
    void everyNanStaysOneWithItsSignAndTheUpperHalfOfItsPayload() {
        SplittableRandom random = new SplittableRandom(2);
        for (int i = 0; i < 100_000; i++) {
            int bits = random.nextInt() | 0x7f80_0000;
            if ((bits & 0x007f_ffff) == 0) {
                continue;
            }
            short stored = BFloat16.of(Float.intBitsToFloat(bits));
            assertTrue(Float.isNaN(BFloat16.toFloat(stored)));
            assertEquals((short) (bits >>> 16 | QUIET), stored);
        }
        for (int bits : new int[] {0x7f80_0001, 0x7fff_ffff, 0xffff_ffff, 0xff80_7fff}) {
            assertTrue(Float.isNaN(BFloat16.round(Float.intBitsToFloat(bits))));
        }
    }

    @Test
    void typesAreFoundByTheirShortNames() {
        for (DataType type : DataType.values()) {
            assertEquals(type, DataType.of(type.label()));
        }
        assertEquals(DataType.BFLOAT16, DataType.of("BF16"));
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> DataType.of("fp8"));
        assertEquals("no precision 'fp8'; use fp32 or bf16 (bfloat16 storage)", e.getMessage());
    }
}
