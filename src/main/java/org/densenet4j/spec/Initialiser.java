package org.densenet4j.spec;

import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.random.Philox;

import java.util.Arrays;
import java.util.Objects;

/**
 * Initial parameters, as torchvision's DenseNet draws them: convolutions from a normal distribution
 * with variance 2/fan-in (He et al. 2015, section 2.2), gamma 1, beta 0, the classifier's weight
 * uniform within ±1/sqrt(fan-in) and its bias 0.
 *
 * <p>Every value is a function of the seed, the tensor's name and the position, computed in strict
 * arithmetic: the same on every machine and backend, in any order.
 */
public final class Initialiser {
    private final long seed;

    private Initialiser(long seed) {
        this.seed = seed;
    }

    /** An initialiser for this seed. */
    public static Initialiser seeded(long seed) {
        return new Initialiser(seed);
    }

    /**
     * Fills {@code out} with the initial values of a parameter.
     *
     * @throws IllegalArgumentException when it has room for more or fewer values
     */
    public void fill(ParameterSpec parameter, float[] out) {
        Objects.requireNonNull(parameter, "parameter");
        Objects.requireNonNull(out, "out");
        if (out.length != parameter.count()) {
            throw new IllegalArgumentException(
                    "out: room for "
                            + out.length
                            + " values, "
                            + parameter.name()
                            + " has "
                            + parameter.count());
        }
        switch (parameter.role()) {
            case CONV_WEIGHT -> normal(parameter, Math.sqrt(2.0 / parameter.fanIn()), out);
            case LINEAR_WEIGHT -> uniform(parameter, 1 / Math.sqrt(parameter.fanIn()), out);
            case BN_WEIGHT -> Arrays.fill(out, 1f);
            case BN_BIAS, LINEAR_BIAS, CONV_BIAS -> Arrays.fill(out, 0f);
            case RUNNING_STATISTIC ->
                    Arrays.fill(out, parameter.name().endsWith("running_var") ? 1f : 0f);
        }
    }

    /** Box and Muller's transform of two uniform numbers from 64 bits each. */
    private void normal(ParameterSpec parameter, double deviation, float[] out) {
        int[] words = new int[4];
        for (int i = 0; i < out.length; i += 2) {
            draw(parameter, i / 2, words);
            double radius = StrictMath.sqrt(-2 * StrictMath.log(unit(words[0], words[1])));
            double angle = 2 * Math.PI * unit(words[2], words[3]);
            out[i] = (float) (deviation * radius * StrictMath.cos(angle));
            if (i + 1 < out.length) {
                out[i + 1] = (float) (deviation * radius * StrictMath.sin(angle));
            }
        }
    }

    private void uniform(ParameterSpec parameter, double bound, float[] out) {
        int[] words = new int[4];
        for (int i = 0; i < out.length; i++) {
            draw(parameter, i, words);
            out[i] = (float) (bound * (2 * unit(words[0], words[1]) - 1));
        }
    }

    private void draw(ParameterSpec parameter, int position, int[] words) {
        // String.hashCode is specified by the language, so names hash alike everywhere.
        Philox.next(
                position,
                parameter.name().hashCode(),
                0,
                0,
                (int) seed,
                (int) (seed >>> 32),
                words);
    }

    /** A number in (0, 1] from 53 of 64 bits. */
    private static double unit(int high, int low) {
        long bits = ((long) high << 32 | (low & 0xFFFF_FFFFL)) >>> 11;
        return (bits + 1) * 0x1p-53;
    }
}
