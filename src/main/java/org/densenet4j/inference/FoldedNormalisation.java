package org.densenet4j.inference;

import org.densenet4j.graph.Norm;
import org.densenet4j.plan.InferenceNorm;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/**
 * A batch normalisation with its running statistics, as {@code x·scale + shift}: scale =
 * gamma/sqrt(variance + epsilon), shift = beta − mean·scale (Ioffe and Szegedy 2015, section 3.1).
 *
 * <p>A normalisation that follows a convolution without anything between folds into it: the scale
 * into the weights of each output channel, the shift as a bias. That is the second one of a
 * bottleneck layer, the stem's, and those between the convolutions of a ResNet; the others stand
 * behind a concatenation, whose channels have other consumers, and before a ReLU.
 *
 * @param scale per channel
 * @param shift per channel
 */
record FoldedNormalisation(float[] scale, float[] shift) {
    static FoldedNormalisation of(WeightSource source, Norm norm) throws IOException {
        String name = norm.name();
        float[] gamma = source.values(name + ".weight");
        float[] beta = source.values(name + ".bias");
        float[] mean = source.values(name + ".running_mean");
        float[] variance = source.values(name + ".running_var");
        float[] scale = new float[gamma.length];
        float[] shift = new float[gamma.length];
        for (int c = 0; c < gamma.length; c++) {
            double s = gamma[c] / Math.sqrt(variance[c] + norm.epsilon());
            scale[c] = (float) s;
            shift[c] = (float) (beta[c] - mean[c] * s);
        }
        return new FoldedNormalisation(scale, shift);
    }

    /** Of channels that several norms normalise, and some that none does. */
    static FoldedNormalisation ofParts(WeightSource source, List<InferenceNorm.Part> parts)
            throws IOException {
        int channels = parts.stream().mapToInt(InferenceNorm.Part::count).sum();
        float[] scale = new float[channels];
        float[] shift = new float[channels];
        Arrays.fill(scale, 1f);
        int at = 0;
        for (InferenceNorm.Part part : parts) {
            if (part.norm().isPresent()) {
                FoldedNormalisation whole = of(source, part.norm().get());
                System.arraycopy(whole.scale, part.first(), scale, at, part.count());
                System.arraycopy(whole.shift, part.first(), shift, at, part.count());
            }
            at += part.count();
        }
        return new FoldedNormalisation(scale, shift);
    }

    /** A bias, which is a shift alone. */
    static FoldedNormalisation ofBias(float[] bias) {
        float[] ones = new float[bias.length];
        Arrays.fill(ones, 1f);
        return new FoldedNormalisation(ones, bias);
    }

    /** Behind a bias, which is scaled, too. */
    FoldedNormalisation behind(float[] bias) {
        float[] moved = shift.clone();
        for (int c = 0; c < moved.length; c++) {
            moved[c] += scale[c] * bias[c];
        }
        return new FoldedNormalisation(scale, moved);
    }

    /** Scale and shift as the rows of a matrix [2, C]. */
    float[] affine() {
        float[] affine = new float[2 * scale.length];
        System.arraycopy(scale, 0, affine, 0, scale.length);
        System.arraycopy(shift, 0, affine, scale.length, shift.length);
        return affine;
    }

    /** What is left when the scale has been folded away [2, C]: ones and the shift. */
    float[] bias() {
        float[] affine = affine();
        Arrays.fill(affine, 0, scale.length, 1f);
        return affine;
    }

    /** Multiplies each output channel's weights [out, …] by its scale, in place. */
    float[] foldInto(float[] weights) {
        int each = weights.length / scale.length;
        for (int c = 0; c < scale.length; c++) {
            multiply(weights, c * each, each, scale[c]);
        }
        return weights;
    }

    private static void multiply(float[] values, int first, int count, float factor) {
        for (int i = first; i < first + count; i++) {
            values[i] *= factor;
        }
    }
}
