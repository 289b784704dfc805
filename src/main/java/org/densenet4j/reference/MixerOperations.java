package org.densenet4j.reference;

import org.densenet4j.graph.LayerNorm;

/** What depthwise layers compute, in the words of their formulas. */
final class MixerOperations {
    private final Operations on;
    private final Tensors tensors;
    private final Rounding rounding;

    MixerOperations(Operations on, Tensors tensors, Rounding rounding) {
        this.on = on;
        this.tensors = tensors;
        this.rounding = rounding;
    }

    private Activation like(Activation x) {
        return on.make(x.images, x.height, x.width, x.channels);
    }

    /** A convolution with a kernel for each channel, weights [C, 1, kernel, kernel]. */
    Activation depthwise(Activation x, String name, int kernel) {
        double[] w = tensors.parameter(name + ".weight");
        double[] dw = tensors.gradient(name + ".weight");
        Activation y = like(x);
        eachTap(
                x,
                kernel,
                (from, to, tap) -> {
                    for (int c = 0; c < x.channels; c++) {
                        double weight = w[c * kernel * kernel + tap];
                        y.value[to + c] += weight * x.value[from + c];
                    }
                });
        rounding.apply(y.value);
        on.record(
                () -> {
                    eachTap(
                            x,
                            kernel,
                            (from, to, tap) -> {
                                for (int c = 0; c < x.channels; c++) {
                                    int weight = c * kernel * kernel + tap;
                                    dw[weight] += y.gradient[to + c] * x.value[from + c];
                                    x.gradient[from + c] += y.gradient[to + c] * w[weight];
                                }
                            });
                    rounding.apply(dw);
                    rounding.apply(x.gradient);
                });
        return y;
    }

    /** A place of a kernel that meets a pixel: where both are, without the channel. */
    private interface Tap {
        void meets(int from, int to, int tap);
    }

    private static void eachTap(Activation x, int kernel, Tap tap) {
        for (int n = 0; n < x.images; n++) {
            for (int row = 0; row < x.height; row++) {
                for (int column = 0; column < x.width; column++) {
                    for (int t = 0; t < kernel * kernel; t++) {
                        int r = row + t / kernel - kernel / 2;
                        int c = column + t % kernel - kernel / 2;
                        if (x.contains(r, c)) {
                            tap.meets(x.at(n, r, c, 0), x.at(n, row, column, 0), t);
                        }
                    }
                }
            }
        }
    }

    /** Each pixel by itself, with the biased variance. */
    Activation layerNorm(Activation x, LayerNorm norm) {
        double[] gamma = tensors.parameter(norm.name() + ".weight");
        double[] beta = tensors.parameter(norm.name() + ".bias");
        double[] dGamma = tensors.gradient(norm.name() + ".weight");
        double[] dBeta = tensors.gradient(norm.name() + ".bias");
        int channels = x.channels;
        double[] h = new double[x.value.length];
        double[] inverse = new double[x.rows()];
        Activation y = like(x);
        for (int r = 0; r < x.rows(); r++) {
            double mean = 0;
            for (int c = 0; c < channels; c++) {
                mean += x.value[r * channels + c] / channels;
            }
            double variance = 0;
            for (int c = 0; c < channels; c++) {
                double d = x.value[r * channels + c] - mean;
                variance += d * d / channels;
            }
            inverse[r] = 1 / Math.sqrt(variance + norm.epsilon());
            for (int c = 0; c < channels; c++) {
                int i = r * channels + c;
                h[i] = (x.value[i] - mean) * inverse[r];
                y.value[i] = h[i] * gamma[c] + beta[c];
            }
        }
        rounding.apply(y.value);
        on.record(
                () -> {
                    for (int r = 0; r < x.rows(); r++) {
                        double ofT = 0;
                        double ofProducts = 0;
                        for (int c = 0; c < channels; c++) {
                            int i = r * channels + c;
                            dBeta[c] += y.gradient[i];
                            dGamma[c] += y.gradient[i] * h[i];
                            ofT += y.gradient[i] * gamma[c] / channels;
                            ofProducts += y.gradient[i] * gamma[c] * h[i] / channels;
                        }
                        for (int c = 0; c < channels; c++) {
                            int i = r * channels + c;
                            double t = y.gradient[i] * gamma[c] - ofT - h[i] * ofProducts;
                            x.gradient[i] += inverse[r] * t;
                        }
                    }
                    rounding.apply(dBeta);
                    rounding.apply(dGamma);
                    rounding.apply(x.gradient);
                });
        return y;
    }

    Activation gelu(Activation x) {
        Activation y = like(x);
        for (int i = 0; i < x.value.length; i++) {
            y.value[i] = x.value[i] * NormalDistribution.below(x.value[i]);
        }
        rounding.apply(y.value);
        on.record(
                () -> {
                    for (int i = 0; i < x.value.length; i++) {
                        double v = x.value[i];
                        double slope =
                                NormalDistribution.below(v) + v * NormalDistribution.density(v);
                        x.gradient[i] += y.gradient[i] * slope;
                    }
                    rounding.apply(x.gradient);
                });
        return y;
    }

    /** Channels times the hard sigmoid of logits [images, C]. */
    Activation gated(Activation x, Activation logits) {
        int perImage = x.height * x.width * x.channels;
        Activation y = like(x);
        for (int i = 0; i < x.value.length; i++) {
            double z = logits.value[i / perImage * x.channels + i % x.channels];
            y.value[i] = x.value[i] * Math.clamp((z + 3) / 6, 0, 1);
        }
        rounding.apply(y.value);
        on.record(
                () -> {
                    for (int i = 0; i < x.value.length; i++) {
                        int gate = i / perImage * x.channels + i % x.channels;
                        double z = logits.value[gate];
                        x.gradient[i] += y.gradient[i] * Math.clamp((z + 3) / 6, 0, 1);
                        if (Math.abs(z) < 3) {
                            logits.gradient[gate] += y.gradient[i] * x.value[i] / 6;
                        }
                    }
                    rounding.apply(logits.gradient);
                    rounding.apply(x.gradient);
                });
        return y;
    }

    /** Each channel times a number of its own. */
    Activation scaled(Activation x, String name) {
        double[] scale = tensors.parameter(name);
        double[] dScale = tensors.gradient(name);
        Activation y = like(x);
        for (int i = 0; i < x.value.length; i++) {
            y.value[i] = x.value[i] * scale[i % x.channels];
        }
        rounding.apply(y.value);
        on.record(
                () -> {
                    for (int i = 0; i < x.value.length; i++) {
                        dScale[i % x.channels] += y.gradient[i] * x.value[i];
                        x.gradient[i] += y.gradient[i] * scale[i % x.channels];
                    }
                    rounding.apply(dScale);
                    rounding.apply(x.gradient);
                });
        return y;
    }

    /** Drop path: each image times a factor, which is asked for by the image's number. */
    Activation dropImages(Activation x, int draw, ReferenceNetwork.Dropout dropout) {
        int perImage = x.height * x.width * x.channels;
        Activation y = like(x);
        for (int i = 0; i < x.value.length; i++) {
            y.value[i] = x.value[i] * dropout.factor(draw, i / perImage);
        }
        rounding.apply(y.value);
        on.record(
                () -> {
                    for (int i = 0; i < x.value.length; i++) {
                        x.gradient[i] += y.gradient[i] * dropout.factor(draw, i / perImage);
                    }
                    rounding.apply(x.gradient);
                });
        return y;
    }
}
