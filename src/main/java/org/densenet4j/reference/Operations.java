package org.densenet4j.reference;

import org.densenet4j.spec.DenseNetSpec;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The operations of a forward pass, each of which puts its gradient on a tape. */
final class Operations {
    /** Below this, a max-pool's largest value is a ReLU's zero, whose gradient goes nowhere. */
    private static final double CLOSED = -1e-3;

    private final DenseNetSpec spec;
    private final Tensors tensors;
    private final Rounding rounding;
    private final List<Activation> activations = new ArrayList<>();
    private final List<Runnable> tape = new ArrayList<>();
    private final Map<String, BitSet> open = new HashMap<>();
    private final Map<String, Branches.Sources> pools = new HashMap<>();
    private final Map<String, double[]> margins = new LinkedHashMap<>();
    private final Map<String, Activation> reluOutputs = new HashMap<>();
    private Activation reluInput;
    private Branches branches;
    private boolean batchStatistics;

    Operations(DenseNetSpec spec, Tensors tensors, Rounding rounding) {
        this.spec = spec;
        this.tensors = tensors;
        this.rounding = rounding;
    }

    void begin(boolean statisticsOfTheBatch) {
        batchStatistics = statisticsOfTheBatch;
        activations.clear();
        tape.clear();
        open.clear();
        pools.clear();
        margins.clear();
        reluOutputs.clear();
    }

    Activation make(int images, int height, int width, int channels) {
        Activation made = new Activation(images, height, width, channels);
        activations.add(made);
        return made;
    }

    Branches branches() {
        return new Branches(open, pools);
    }

    Map<String, double[]> margins() {
        return Collections.unmodifiableMap(new LinkedHashMap<>(margins));
    }

    double[] arriving(String relu) {
        return reluOutputs.get(relu).gradient.clone();
    }

    void backward(Activation last, double[] gradient, Branches ways) {
        branches = ways;
        activations.forEach(a -> Arrays.fill(a.gradient, 0));
        System.arraycopy(gradient, 0, last.gradient, 0, gradient.length);
        tape.reversed().forEach(Runnable::run);
    }

    Activation convolution(
            Activation x, String name, int out, int kernel, int stride, int padding) {
        int taps = kernel * kernel;
        double[] w = byTap(tensors.parameter(name + ".weight"), out, x.channels, taps);
        double[] dw = tensors.gradient(name + ".weight");
        Activation y =
                make(
                        x.images,
                        (x.height + 2 * padding - kernel) / stride + 1,
                        (x.width + 2 * padding - kernel) / stride + 1,
                        out);
        Window window = new Window(x, y, kernel, stride, padding);
        window.each(
                (from, to, tap) -> {
                    for (int i = 0; i < x.channels; i++) {
                        double value = x.value[from + i];
                        int first = (tap * x.channels + i) * out;
                        for (int o = 0; o < out; o++) {
                            y.value[to + o] += w[first + o] * value;
                        }
                    }
                });
        rounding.apply(y.value);
        tape.add(
                () -> {
                    double[] sums = new double[w.length];
                    window.each(
                            (from, to, tap) -> {
                                for (int i = 0; i < x.channels; i++) {
                                    double value = x.value[from + i];
                                    int first = (tap * x.channels + i) * out;
                                    double sum = 0;
                                    for (int o = 0; o < out; o++) {
                                        double g = y.gradient[to + o];
                                        sums[first + o] += g * value;
                                        sum += g * w[first + o];
                                    }
                                    x.gradient[from + i] += sum;
                                }
                            });
                    for (int o = 0; o < out; o++) {
                        for (int i = 0; i < x.channels; i++) {
                            for (int tap = 0; tap < taps; tap++) {
                                dw[(o * x.channels + i) * taps + tap] +=
                                        sums[(tap * x.channels + i) * out + o];
                            }
                        }
                    }
                    rounding.apply(dw);
                    rounding.apply(x.gradient);
                });
        return y;
    }

    /** [out, in, tap] as [tap, in, out], which is read in the order in which it lies. */
    private static double[] byTap(double[] weights, int out, int in, int taps) {
        double[] result = new double[weights.length];
        for (int o = 0; o < out; o++) {
            for (int i = 0; i < in; i++) {
                for (int tap = 0; tap < taps; tap++) {
                    result[(tap * in + i) * out + o] = weights[(o * in + i) * taps + tap];
                }
            }
        }
        return result;
    }

    Activation batchNorm(Activation x, String name) {
        double[] gamma = tensors.parameter(name + ".weight");
        double[] beta = tensors.parameter(name + ".bias");
        double[] dGamma = tensors.gradient(name + ".weight");
        double[] dBeta = tensors.gradient(name + ".bias");
        double[] runningMean = tensors.running(name + ".running_mean");
        double[] runningVariance = tensors.running(name + ".running_var");
        boolean ofBatch = batchStatistics;
        int rows = x.rows();
        double[] mean = new double[x.channels];
        double[] inverse = new double[x.channels];
        for (int c = 0; c < x.channels; c++) {
            double variance = 0;
            if (ofBatch) {
                for (int r = 0; r < rows; r++) {
                    mean[c] += x.value[r * x.channels + c] / rows;
                }
                for (int r = 0; r < rows; r++) {
                    double d = x.value[r * x.channels + c] - mean[c];
                    variance += d * d / rows;
                }
                double momentum = spec.bnMomentum();
                double unbiased = rows > 1 ? variance * rows / (rows - 1) : variance;
                runningMean[c] += momentum * (mean[c] - runningMean[c]);
                runningVariance[c] += momentum * (unbiased - runningVariance[c]);
            } else {
                mean[c] = runningMean[c];
                variance = runningVariance[c];
            }
            inverse[c] = 1 / Math.sqrt(variance + spec.bnEpsilon());
        }
        rounding.apply(mean);
        rounding.apply(inverse);
        Activation y = make(x.images, x.height, x.width, x.channels);
        for (int i = 0; i < x.value.length; i++) {
            int c = i % x.channels;
            y.value[i] = gamma[c] * (x.value[i] - mean[c]) * inverse[c] + beta[c];
        }
        rounding.apply(y.value);
        tape.add(
                () -> {
                    for (int c = 0; c < x.channels; c++) {
                        double sum = 0;
                        double products = 0;
                        for (int r = 0; r < rows; r++) {
                            int i = r * x.channels + c;
                            sum += y.gradient[i];
                            products += y.gradient[i] * (x.value[i] - mean[c]) * inverse[c];
                        }
                        dGamma[c] += products;
                        dBeta[c] += sum;
                        for (int r = 0; r < rows; r++) {
                            int i = r * x.channels + c;
                            double normalised = (x.value[i] - mean[c]) * inverse[c];
                            double g = y.gradient[i];
                            if (ofBatch) {
                                g -= (sum + normalised * products) / rows;
                            }
                            x.gradient[i] += gamma[c] * inverse[c] * g;
                        }
                    }
                    rounding.apply(dGamma);
                    rounding.apply(dBeta);
                    rounding.apply(x.gradient);
                });
        return y;
    }

    /**
     * @param name of the batch normalisation before it
     */
    Activation relu(Activation x, String name) {
        Activation y = make(x.images, x.height, x.width, x.channels);
        BitSet positive = new BitSet(x.value.length);
        for (int i = 0; i < x.value.length; i++) {
            y.value[i] = Math.max(0, x.value[i]);
            positive.set(i, x.value[i] > 0);
        }
        open.put(name, positive);
        margins.put(name, x.value.clone());
        reluInput = x;
        reluOutputs.put(name, y);
        tape.add(
                () -> {
                    BitSet passes = branches.open(name);
                    for (int i = 0; i < x.value.length; i++) {
                        x.gradient[i] += passes.get(i) ? y.gradient[i] : 0;
                    }
                });
        return y;
    }

    /**
     * The pool over the last ReLU, 3x3 with stride 2 and padding 1. Among the ReLU's zeros the
     * largest of its inputs counts, so that a flipped ReLU is where the pool looks.
     */
    Activation maxPool(Activation x, String name) {
        Activation y = make(x.images, (x.height + 1) / 2, (x.width + 1) / 2, x.channels);
        double[] key = reluInput.value;
        int[] taken = new int[y.value.length];
        int[] next = new int[y.value.length];
        Arrays.fill(taken, -1);
        Arrays.fill(next, -1);
        new Window(x, y, 3, 2, 1)
                .each(
                        (from, to, tap) -> {
                            for (int c = 0; c < x.channels; c++) {
                                int source = from + c;
                                int target = to + c;
                                if (taken[target] < 0 || key[source] > key[taken[target]]) {
                                    next[target] = taken[target];
                                    taken[target] = source;
                                } else if (next[target] < 0 || key[source] > key[next[target]]) {
                                    next[target] = source;
                                }
                            }
                        });
        double[] lead = new double[y.value.length];
        for (int i = 0; i < taken.length; i++) {
            y.value[i] = x.value[taken[i]];
            boolean choice = next[i] >= 0 && key[taken[i]] > CLOSED;
            lead[i] = choice ? key[taken[i]] - key[next[i]] : Double.POSITIVE_INFINITY;
        }
        pools.put(name, new Branches.Sources(taken, next));
        margins.put(name, lead);
        tape.add(
                () -> {
                    int[] sources = branches.taken(name);
                    for (int i = 0; i < sources.length; i++) {
                        x.gradient[sources[i]] += y.gradient[i];
                    }
                    rounding.apply(x.gradient);
                });
        return y;
    }

    Activation concatenate(Activation a, Activation b) {
        Activation y = make(a.images, a.height, a.width, a.channels + b.channels);
        for (int r = 0; r < a.rows(); r++) {
            System.arraycopy(a.value, r * a.channels, y.value, r * y.channels, a.channels);
            System.arraycopy(
                    b.value, r * b.channels, y.value, r * y.channels + a.channels, b.channels);
        }
        tape.add(
                () -> {
                    for (int r = 0; r < a.rows(); r++) {
                        for (int c = 0; c < a.channels; c++) {
                            a.gradient[r * a.channels + c] += y.gradient[r * y.channels + c];
                        }
                        for (int c = 0; c < b.channels; c++) {
                            b.gradient[r * b.channels + c] +=
                                    y.gradient[r * y.channels + a.channels + c];
                        }
                    }
                    rounding.apply(a.gradient);
                });
        return y;
    }

    Activation drop(Activation x, int block, int layer, ReferenceNetwork.Dropout dropout) {
        Activation y = make(x.images, x.height, x.width, x.channels);
        for (int i = 0; i < x.value.length; i++) {
            y.value[i] = x.value[i] * dropout.factor(block, layer, i);
        }
        tape.add(
                () -> {
                    for (int i = 0; i < x.value.length; i++) {
                        x.gradient[i] += y.gradient[i] * dropout.factor(block, layer, i);
                    }
                });
        return y;
    }

    Activation averagePool(Activation x) {
        Activation y = make(x.images, x.height / 2, x.width / 2, x.channels);
        Window window = new Window(x, y, 2, 2, 0);
        window.each(
                (from, to, tap) -> {
                    for (int c = 0; c < x.channels; c++) {
                        y.value[to + c] += x.value[from + c] / 4;
                    }
                });
        rounding.apply(y.value);
        tape.add(
                () ->
                        window.each(
                                (from, to, tap) -> {
                                    for (int c = 0; c < x.channels; c++) {
                                        x.gradient[from + c] += y.gradient[to + c] / 4;
                                    }
                                }));
        return y;
    }

    Activation globalPool(Activation x) {
        Activation y = make(x.images, 1, 1, x.channels);
        int pixels = x.height * x.width;
        for (int i = 0; i < x.value.length; i++) {
            int target = i / (pixels * x.channels) * x.channels + i % x.channels;
            y.value[target] += x.value[i] / pixels;
        }
        rounding.apply(y.value);
        tape.add(
                () -> {
                    for (int i = 0; i < x.value.length; i++) {
                        int target = i / (pixels * x.channels) * x.channels + i % x.channels;
                        x.gradient[i] += y.gradient[target] / pixels;
                    }
                    rounding.apply(x.gradient);
                });
        return y;
    }

    Activation linear(Activation x) {
        double[] w = tensors.parameter("classifier.weight");
        double[] b = tensors.parameter("classifier.bias");
        double[] dw = tensors.gradient("classifier.weight");
        double[] db = tensors.gradient("classifier.bias");
        Activation y = make(x.images, 1, 1, spec.classes());
        for (int n = 0; n < x.images; n++) {
            for (int o = 0; o < y.channels; o++) {
                double sum = b[o];
                for (int i = 0; i < x.channels; i++) {
                    sum += w[o * x.channels + i] * x.value[n * x.channels + i];
                }
                y.value[n * y.channels + o] = sum;
            }
        }
        rounding.apply(y.value);
        tape.add(
                () -> {
                    for (int n = 0; n < x.images; n++) {
                        for (int o = 0; o < y.channels; o++) {
                            double g = y.gradient[n * y.channels + o];
                            db[o] += g;
                            for (int i = 0; i < x.channels; i++) {
                                dw[o * x.channels + i] += g * x.value[n * x.channels + i];
                                x.gradient[n * x.channels + i] += g * w[o * x.channels + i];
                            }
                        }
                    }
                    rounding.apply(db);
                    rounding.apply(dw);
                    rounding.apply(x.gradient);
                });
        return y;
    }
}
