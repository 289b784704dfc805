package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import jdk.incubator.vector.IntVector;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.SplittableRandom;

/** Sums of lines by vector instructions are those of the plain loop. */
class LineSumsTest {
    @Test
    void twoMeansSumToOnePixelEach() {
        int half = 1 << LineSums.PRECISION - 1;
        byte[] out = new byte[3];
        byte[] lines = {0, 10, (byte) 255, 1, 20, (byte) 255};
        LineSums.oneByOne(lines, 0, new int[] {half, half}, out, 0, 3);
        assertArrayEquals(new byte[] {1, 15, (byte) 255}, out);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 8, 15, 16, 17, 48, 100})
    void vectorsSumAsThePlainLoopDoes(int length) {
        LineSums vectors = VectorLineSums.best();
        SplittableRandom random = new SplittableRandom(length);
        for (int taps = 1; taps < 6; taps++) {
            byte[] lines = new byte[3 + taps * length];
            random.nextBytes(lines);
            int[] weights = random.ints(taps, -(1 << 20), 1 << LineSums.PRECISION - 1).toArray();
            byte[] expected = new byte[2 + length];
            byte[] found = new byte[2 + length];
            LineSums.oneByOne(lines, 3, weights, expected, 2, length);
            vectors.sum(lines, 3, weights, found, 2, length);
            assertArrayEquals(expected, found, taps + " taps");
        }
    }

    @Test
    void aJvmWithTheVectorApiTakesVectors() {
        assumeTrue(IntVector.SPECIES_PREFERRED.length() >= 8, "vectors of four bytes");
        assertInstanceOf(VectorLineSums.class, LineSums.BEST);
    }
}
