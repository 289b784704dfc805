package org.densenet4j.reference;

import org.densenet4j.graph.Norm;

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
    private boolean updates;

    Operations(Tensors tensors, Rounding rounding) {
        this.tensors = tensors;
        this.rounding = rounding;
    }

    void begin(boolean statisticsOfTheBatch, boolean updatesRunning) {
        batchStatistics = statisticsOfTheBatch;
        updates = updatesRunning;
        activations.clear();
        tape.clear();
        open.clear();
        pools.clear();
        margins.clear();
        reluOutputs.clear();
    }

    /** Puts the gradient of an operation on the tape. */
    void record(Runnable gradient) {
        tape.add(gradient);
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

    void backward(List<Activation> heads, List<double[]> gradients, Branches ways) {
        branches = ways;
        activations.forEach(a -> Arrays.fill(a.gradient, 0));
        for (int i = 0; i < heads.size(); i++) {
            double[] gradient = gradients.get(i);
            System.arraycopy(gradient, 0, heads.get(i).gradient, 0, gradient.length);
        }
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

    /** A 3x3 convolution of which each group sees its own inputs. */
    Activation groupedConvolution(Activation x, String name, int out, int groups, int stride) {
        double[] w = tensors.parameter(name + ".weight");
        double[] dw = tensors.gradient(name + ".weight");
        int in = x.channels / groups;
        int height = (x.height - 1) / stride + 1;
        int width = (x.width - 1) / stride + 1;
        Activation y = make(x.images, height, width, out);
        Window window = new Window(x, y, 3, stride, 1);
        window.each(
                (from, to, tap) -> {
                    for (int o = 0; o < out; o++) {
                        int first = from + o / (out / groups) * in;
                        for (int i = 0; i < in; i++) {
                            y.value[to + o] += w[(o * in + i) * 9 + tap] * x.value[first + i];
                        }
                    }
                });
        rounding.apply(y.value);
        tape.add(
                () -> {
                    window.each(
                            (from, to, tap) -> {
                                for (int o = 0; o < out; o++) {
                                    int first = from + o / (out / groups) * in;
                                    double g = y.gradient[to + o];
                                    for (int i = 0; i < in; i++) {
                                        dw[(o * in + i) * 9 + tap] += g * x.value[first + i];
                                        x.gradient[first + i] += g * w[(o * in + i) * 9 + tap];
                                    }
                                }
                            });
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

    Activation batchNorm(Activation x, Norm norm) {
        String name = norm.name();
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
                double momentum = updates ? norm.momentum() : 0;
                double unbiased = rows > 1 ? variance * rows / (rows - 1) : variance;
                runningMean[c] += momentum * (mean[c] - runningMean[c]);
                runningVariance[c] += momentum * (unbiased - runningVariance[c]);
            } else {
                mean[c] = runningMean[c];
                variance = runningVariance[c];
            }
            inverse[c] = 1 / Math.sqrt(variance + norm.epsilon());
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
     * A max-pool over the last ReLU. Among the ReLU's zeros the largest of its inputs counts, so
     * that a flipped ReLU is where the pool looks.
     */
    Activation maxPoolOfRelu(Activation x, String name, int kernel, int stride, int padding) {
        return maxPoolOfRelu(x, name, kernel, stride, padding, false);
    }

    /** The same, with {@code ceil} also of windows that reach over the last row or column. */
    Activation maxPoolOfRelu(
            Activation x, String name, int kernel, int stride, int padding, boolean ceil) {
        return maxPool(x, reluInput.value, CLOSED, name, kernel, stride, padding, ceil);
    }

    /** A max-pool over outputs of several ReLUs, among whose zeros none is chosen. */
    Activation maxPoolOfReLUs(
            Activation x, String name, int kernel, int stride, int padding, boolean ceil) {
        return maxPool(x, x.value, CLOSED, name, kernel, stride, padding, ceil);
    }

    /** A max-pool over values of any sign. */
    Activation maxPool(Activation x, String name, int kernel, int stride, int padding) {
        return maxPool(x, name, kernel, stride, padding, false);
    }

    /** The same, with {@code ceil} also of windows that reach over the last row or column. */
    Activation maxPool(
            Activation x, String name, int kernel, int stride, int padding, boolean ceil) {
        double everything = Double.NEGATIVE_INFINITY;
        return maxPool(x, x.value, everything, name, kernel, stride, padding, ceil);
    }

    /** Windows along a side; with {@code ceil} none that starts behind the image. */
    private static int windows(int size, int kernel, int stride, int padding, boolean ceil) {
        int count = (size + 2 * padding - kernel + (ceil ? stride - 1 : 0)) / stride + 1;
        return ceil && (count - 1) * stride >= size + padding ? count - 1 : count;
    }

    private Activation maxPool(
            Activation x,
            double[] key,
            double closed,
            String name,
            int kernel,
            int stride,
            int padding,
            boolean ceil) {
        Activation y =
                make(
                        x.images,
                        windows(x.height, kernel, stride, padding, ceil),
                        windows(x.width, kernel, stride, padding, ceil),
                        x.channels);
        int[] taken = new int[y.value.length];
        int[] next = new int[y.value.length];
        Arrays.fill(taken, -1);
        Arrays.fill(next, -1);
        new Window(x, y, kernel, stride, padding)
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
            boolean choice = next[i] >= 0 && key[taken[i]] > closed;
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

    /** Some channels of an activation. */
    record Slice(Activation of, int from, int count) {}

    /** Slices of activations beside each other. */
    Activation concatenate(List<Slice> slices) {
        Activation first = slices.getFirst().of();
        int channels = slices.stream().mapToInt(Slice::count).sum();
        Activation y = make(first.images, first.height, first.width, channels);
        int offset = 0;
        for (Slice s : slices) {
            Activation x = s.of();
            int target = offset;
            for (int r = 0; r < x.rows(); r++) {
                System.arraycopy(
                        x.value,
                        r * x.channels + s.from(),
                        y.value,
                        r * channels + target,
                        s.count());
            }
            tape.add(
                    () -> {
                        for (int r = 0; r < x.rows(); r++) {
                            for (int c = 0; c < s.count(); c++) {
                                x.gradient[r * x.channels + s.from() + c] +=
                                        y.gradient[r * channels + target + c];
                            }
                        }
                        rounding.apply(x.gradient);
                    });
            offset += s.count();
        }
        return y;
    }

    /** The sum; channels that {@code b} does not have count as zero. */
    Activation add(Activation a, Activation b) {
        Activation y = make(a.images, a.height, a.width, a.channels);
        System.arraycopy(a.value, 0, y.value, 0, y.value.length);
        for (int r = 0; r < b.rows(); r++) {
            for (int c = 0; c < b.channels; c++) {
                y.value[r * y.channels + c] += b.value[r * b.channels + c];
            }
        }
        rounding.apply(y.value);
        tape.add(
                () -> {
                    for (int i = 0; i < y.value.length; i++) {
                        a.gradient[i] += y.gradient[i];
                    }
                    for (int r = 0; r < b.rows(); r++) {
                        for (int c = 0; c < b.channels; c++) {
                            b.gradient[r * b.channels + c] += y.gradient[r * y.channels + c];
                        }
                    }
                    rounding.apply(a.gradient);
                    rounding.apply(b.gradient);
                });
        return y;
    }

    /** Adds a bias to every pixel. */
    Activation bias(Activation x, String name) {
        double[] b = tensors.parameter(name + ".bias");
        double[] db = tensors.gradient(name + ".bias");
        Activation y = make(x.images, x.height, x.width, x.channels);
        for (int i = 0; i < x.value.length; i++) {
            y.value[i] = x.value[i] + b[i % x.channels];
        }
        rounding.apply(y.value);
        tape.add(
                () -> {
                    for (int i = 0; i < x.value.length; i++) {
                        x.gradient[i] += y.gradient[i];
                        db[i % x.channels] += y.gradient[i];
                    }
                    rounding.apply(db);
                });
        return y;
    }

    /**
     * A transposed 3x3 convolution with stride 2, weights [in, out, 3, 3], cropped around its
     * centre.
     */
    Activation transposedConvolution(Activation x, String name, int out, int height, int width) {
        double[] w = tensors.parameter(name + ".weight");
        double[] dw = tensors.gradient(name + ".weight");
        int top = (2 * x.height + 1 - height) / 2;
        int left = (2 * x.width + 1 - width) / 2;
        Activation y = make(x.images, height, width, out);
        TransposedTap taps =
                visitor -> {
                    for (int n = 0; n < x.images; n++) {
                        for (int iy = 0; iy < x.height; iy++) {
                            for (int ix = 0; ix < x.width; ix++) {
                                for (int tap = 0; tap < 9; tap++) {
                                    int oy = 2 * iy + tap / 3 - top;
                                    int ox = 2 * ix + tap % 3 - left;
                                    if (y.contains(oy, ox)) {
                                        visitor.visit(x.at(n, iy, ix, 0), y.at(n, oy, ox, 0), tap);
                                    }
                                }
                            }
                        }
                    }
                };
        taps.each(
                (from, to, tap) -> {
                    for (int i = 0; i < x.channels; i++) {
                        for (int o = 0; o < out; o++) {
                            y.value[to + o] += x.value[from + i] * w[(i * out + o) * 9 + tap];
                        }
                    }
                });
        rounding.apply(y.value);
        tape.add(
                () -> {
                    taps.each(
                            (from, to, tap) -> {
                                for (int i = 0; i < x.channels; i++) {
                                    for (int o = 0; o < out; o++) {
                                        int at = (i * out + o) * 9 + tap;
                                        double g = y.gradient[to + o];
                                        dw[at] += g * x.value[from + i];
                                        x.gradient[from + i] += g * w[at];
                                    }
                                }
                            });
                    rounding.apply(dw);
                    rounding.apply(x.gradient);
                });
        return y;
    }

    /** Visits all pairs of pixels of a transposed convolution. */
    private interface TransposedTap {
        void each(Window.Tap visitor);
    }

    /** The binomial filter [1, 2, 1]⊗[1, 2, 1]/16 with stride 2 and reflection at the edges. */
    Activation blurPool(Activation x) {
        Activation y = make(x.images, (x.height + 1) / 2, (x.width + 1) / 2, x.channels);
        double[] filter = {0.25, 0.5, 0.25};
        TransposedTap taps =
                visitor -> {
                    for (int n = 0; n < x.images; n++) {
                        for (int oy = 0; oy < y.height; oy++) {
                            for (int ox = 0; ox < y.width; ox++) {
                                for (int tap = 0; tap < 9; tap++) {
                                    int iy = reflected(2 * oy - 1 + tap / 3, x.height);
                                    int ix = reflected(2 * ox - 1 + tap % 3, x.width);
                                    visitor.visit(x.at(n, iy, ix, 0), y.at(n, oy, ox, 0), tap);
                                }
                            }
                        }
                    }
                };
        taps.each(
                (from, to, tap) -> {
                    for (int c = 0; c < x.channels; c++) {
                        y.value[to + c] += filter[tap / 3] * filter[tap % 3] * x.value[from + c];
                    }
                });
        rounding.apply(y.value);
        tape.add(
                () ->
                        taps.each(
                                (from, to, tap) -> {
                                    for (int c = 0; c < x.channels; c++) {
                                        x.gradient[from + c] +=
                                                filter[tap / 3]
                                                        * filter[tap % 3]
                                                        * y.gradient[to + c];
                                    }
                                }));
        return y;
    }

    private static int reflected(int index, int size) {
        int inside = Math.abs(index);
        return inside < size ? inside : 2 * (size - 1) - inside;
    }

    Activation drop(Activation x, int draw, ReferenceNetwork.Dropout dropout) {
        Activation y = make(x.images, x.height, x.width, x.channels);
        for (int i = 0; i < x.value.length; i++) {
            y.value[i] = x.value[i] * dropout.factor(draw, i);
        }
        tape.add(
                () -> {
                    for (int i = 0; i < x.value.length; i++) {
                        x.gradient[i] += y.gradient[i] * dropout.factor(draw, i);
                    }
                });
        return y;
    }

    /** The mean of windows, where pixels of the padding are zeros and count. */
    Activation averagePool(Activation x, int kernel, int stride, int padding) {
        Activation y =
                make(
                        x.images,
                        (x.height + 2 * padding - kernel) / stride + 1,
                        (x.width + 2 * padding - kernel) / stride + 1,
                        x.channels);
        int pixels = kernel * kernel;
        Window window = new Window(x, y, kernel, stride, padding);
        window.each(
                (from, to, tap) -> {
                    for (int c = 0; c < x.channels; c++) {
                        y.value[to + c] += x.value[from + c] / pixels;
                    }
                });
        rounding.apply(y.value);
        tape.add(
                () ->
                        window.each(
                                (from, to, tap) -> {
                                    for (int c = 0; c < x.channels; c++) {
                                        x.gradient[from + c] += y.gradient[to + c] / pixels;
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

    Activation linear(Activation x, String name) {
        double[] w = tensors.parameter(name + ".weight");
        double[] b = tensors.parameter(name + ".bias");
        double[] dw = tensors.gradient(name + ".weight");
        double[] db = tensors.gradient(name + ".bias");
        Activation y = make(x.images, 1, 1, b.length);
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
