package org.densenet4j.reference;

import org.densenet4j.graph.L2Norm;

/** L2 normalisation over the channels of each pixel, in the words of its formulas. */
final class L2NormOperation {
    private final Operations on;
    private final Tensors tensors;
    private final Rounding rounding;

    L2NormOperation(Operations on, Tensors tensors, Rounding rounding) {
        this.on = on;
        this.tensors = tensors;
        this.rounding = rounding;
    }

    /** {@code y = s·x/n}; gradients {@code s·g/n − x·Σ(s·g·x)/n³} of x and {@code Σ g·x/n} of s. */
    Activation l2Norm(Activation x, L2Norm norm) {
        double[] scale = tensors.parameter(norm.name() + ".weight");
        double[] dScale = tensors.gradient(norm.name() + ".weight");
        int channels = x.channels;
        double[] norms = new double[x.rows()];
        Activation y = on.make(x.images, x.height, x.width, channels);
        for (int r = 0; r < x.rows(); r++) {
            double squares = 0;
            for (int c = 0; c < channels; c++) {
                double value = x.value[r * channels + c];
                squares += value * value;
            }
            norms[r] = Math.sqrt(squares + norm.epsilon());
            for (int c = 0; c < channels; c++) {
                y.value[r * channels + c] = scale[c] * x.value[r * channels + c] / norms[r];
            }
        }
        rounding.apply(y.value);
        on.record(
                () -> {
                    for (int r = 0; r < x.rows(); r++) {
                        double n = norms[r];
                        double products = 0;
                        for (int c = 0; c < channels; c++) {
                            int i = r * channels + c;
                            dScale[c] += y.gradient[i] * x.value[i] / n;
                            products += scale[c] * y.gradient[i] * x.value[i];
                        }
                        for (int c = 0; c < channels; c++) {
                            int i = r * channels + c;
                            x.gradient[i] +=
                                    scale[c] * y.gradient[i] / n
                                            - x.value[i] * products / (n * n * n);
                        }
                    }
                    rounding.apply(dScale);
                    rounding.apply(x.gradient);
                });
        return y;
    }
}
