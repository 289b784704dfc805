package org.densenet4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import java.util.Random;

class FiniteValuesTest {
    private static final float[] ODD = {
        Float.NaN,
        Float.NEGATIVE_INFINITY,
        Float.POSITIVE_INFINITY,
        -Float.MIN_VALUE,
        -Float.MAX_VALUE,
        -0f,
        Float.MAX_VALUE,
        Float.intBitsToFloat(0xFFC0_0001)
    };

    @Test
    void theFirstValueThatIsNotFiniteOrANegativeVarianceIsFound() {
        Random random = new Random(3);
        for (int round = 0; round < 2000; round++) {
            float[] values = new float[random.nextInt(40)];
            for (int i = 0; i < values.length; i++) {
                values[i] =
                        random.nextInt(30) == 0
                                ? ODD[random.nextInt(ODD.length)]
                                : random.nextFloat();
            }
            for (String name : new String[] {"norm.running_var", "norm.running_mean"}) {
                assertEquals(
                        expected(values, name.endsWith("var")),
                        FiniteValues.firstUnfit(name, values),
                        name);
            }
        }
    }

    private static int expected(float[] values, boolean variance) {
        for (int i = 0; i < values.length; i++) {
            double value = values[i];
            boolean fit = value >= -Float.MAX_VALUE && value <= Float.MAX_VALUE;
            if (!fit || variance && value < 0) {
                return i;
            }
        }
        return -1;
    }
}
