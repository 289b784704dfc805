package org.densenet4j.reference;

import org.densenet4j.engine.Mode;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.ParameterSpec;
import org.densenet4j.spec.Stem;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A DenseNet as an autograd framework would run it, in double precision. Each operation writes its
 * result into a new {@link Activation} and puts its gradient on a tape.
 */
public final class ReferenceNetwork {
    /** Factor of an element of a layer's output: 0 when dropped, else 1/(1 − rate). */
    public interface Dropout {
        /** Keeps everything. */
        Dropout NONE = (block, layer, element) -> 1;

        /** Blocks and layers count from 1, elements row-major over the batch. */
        double factor(int block, int layer, int element);
    }

    private final DenseNetSpec spec;
    private final Map<String, double[]> parameters = new HashMap<>();
    private final Map<String, double[]> gradients = new HashMap<>();
    private final Map<String, double[]> velocities = new HashMap<>();
    private final Map<String, double[]> running = new HashMap<>();
    private final List<Runnable> tape = new ArrayList<>();
    private Mode mode;
    private Activation input;
    private Activation logits;

    public ReferenceNetwork(DenseNetSpec spec) {
        this.spec = spec;
        NetworkShape shape = NetworkShape.of(spec);
        for (ParameterSpec p : shape.parameters()) {
            parameters.put(p.name(), new double[(int) p.count()]);
            gradients.put(p.name(), new double[(int) p.count()]);
        }
        for (ParameterSpec p : shape.buffers()) {
            running.put(p.name(), new double[(int) p.count()]);
        }
    }

    public double[] parameter(String name) {
        return parameters.get(name);
    }

    public double[] gradient(String name) {
        return gradients.get(name);
    }

    public double[] runningStatistic(String name) {
        return running.get(name);
    }

    public double[] inputGradient() {
        return input.gradient;
    }

    // ---------------------------------------------------------------- the network

    /** Logits [images, classes] of NHWC images. */
    public double[] forward(double[] images, Mode passMode, Dropout dropout) {
        mode = passMode;
        tape.clear();
        gradients.values().forEach(g -> Arrays.fill(g, 0));
        int perImage = spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
        input =
                new Activation(
                        images.length / perImage,
                        spec.inputHeight(),
                        spec.inputWidth(),
                        spec.inputChannels());
        System.arraycopy(images, 0, input.value, 0, images.length);

        Activation x;
        if (spec.stem() == Stem.IMAGENET) {
            x = convolution(input, "features.conv0", spec.initialChannels(), 7, 2, 3);
            x = maxPool(relu(batchNorm(x, "features.norm0")));
        } else {
            x = convolution(input, "features.conv0", spec.initialChannels(), 3, 1, 1);
        }
        int blocks = spec.layersPerBlock().size();
        for (int b = 1; b <= blocks; b++) {
            for (int l = 1; l <= spec.layersPerBlock().get(b - 1); l++) {
                String name = "features.denseblock" + b + ".denselayer" + l;
                x = concatenate(x, layer(x, name, b, l, dropout));
            }
            if (b < blocks) {
                String name = "features.transition" + b;
                int out = (int) Math.floor(x.channels * spec.compression());
                x = relu(batchNorm(x, name + ".norm"));
                x = averagePool(convolution(x, name + ".conv", out, 1, 1, 0));
            }
        }
        logits = linear(globalPool(relu(batchNorm(x, "features.norm5"))));
        return logits.value.clone();
    }

    private Activation layer(Activation x, String name, int block, int layer, Dropout dropout) {
        int k = spec.growthRate();
        Activation y = relu(batchNorm(x, name + ".norm1"));
        if (spec.hasBottleneck()) {
            y = convolution(y, name + ".conv1", spec.bottleneckChannels(), 1, 1, 0);
            y = relu(batchNorm(y, name + ".norm2"));
            y = convolution(y, name + ".conv2", k, 3, 1, 1);
        } else {
            y = convolution(y, name + ".conv1", k, 3, 1, 1);
        }
        return drop(y, block, layer, dropout);
    }

    /** Mean softmax cross-entropy with label smoothing; starts the backward pass's gradient. */
    public double loss(int[] labels, double smoothing) {
        int classes = logits.channels;
        int n = logits.images;
        double loss = 0;
        for (int i = 0; i < n; i++) {
            double max = Double.NEGATIVE_INFINITY;
            for (int c = 0; c < classes; c++) {
                max = Math.max(max, logits.value[i * classes + c]);
            }
            double sum = 0;
            for (int c = 0; c < classes; c++) {
                sum += Math.exp(logits.value[i * classes + c] - max);
            }
            for (int c = 0; c < classes; c++) {
                double target = smoothing / classes + (c == labels[i] ? 1 - smoothing : 0);
                double logProbability = logits.value[i * classes + c] - max - Math.log(sum);
                loss -= target * logProbability / n;
                logits.gradient[i * classes + c] = (Math.exp(logProbability) - target) / n;
            }
        }
        return loss;
    }

    /** Gradients of everything, from the gradient that {@link #loss} left at the logits. */
    public void backward() {
        tape.reversed().forEach(Runnable::run);
    }

    /** Gradients of everything, from a gradient of the logits. */
    public void backward(double[] logitsGradient) {
        System.arraycopy(logitsGradient, 0, logits.gradient, 0, logitsGradient.length);
        backward();
    }

    /** PyTorch's SGD without dampening. */
    public void sgd(double rate, double momentum, boolean nesterov, double decay) {
        parameters.forEach(
                (name, p) -> {
                    double[] g = gradients.get(name);
                    boolean first = !velocities.containsKey(name);
                    double[] v = velocities.computeIfAbsent(name, n -> new double[p.length]);
                    for (int i = 0; i < p.length; i++) {
                        double d = g[i] + decay * p[i];
                        v[i] = first ? d : momentum * v[i] + d;
                        p[i] -= rate * (nesterov ? d + momentum * v[i] : v[i]);
                    }
                });
    }

    // ---------------------------------------------------------------- operations

    private Activation convolution(
            Activation x, String name, int out, int kernel, int stride, int padding) {
        double[] w = parameters.get(name + ".weight");
        double[] dw = gradients.get(name + ".weight");
        Activation y =
                new Activation(
                        x.images,
                        (x.height + 2 * padding - kernel) / stride + 1,
                        (x.width + 2 * padding - kernel) / stride + 1,
                        out);
        eachTap(
                x,
                y,
                kernel,
                stride,
                padding,
                (from, to, tap) -> {
                    for (int o = 0; o < out; o++) {
                        for (int i = 0; i < x.channels; i++) {
                            int weight = (o * x.channels + i) * kernel * kernel + tap;
                            y.value[to + o] += w[weight] * x.value[from + i];
                        }
                    }
                });
        tape.add(
                () ->
                        eachTap(
                                x,
                                y,
                                kernel,
                                stride,
                                padding,
                                (from, to, tap) -> {
                                    for (int o = 0; o < out; o++) {
                                        double g = y.gradient[to + o];
                                        for (int i = 0; i < x.channels; i++) {
                                            int weight =
                                                    (o * x.channels + i) * kernel * kernel + tap;
                                            dw[weight] += g * x.value[from + i];
                                            x.gradient[from + i] += g * w[weight];
                                        }
                                    }
                                }));
        return y;
    }

    private interface Tap {
        /** Offsets of a source pixel, of the target pixel, and the position in the kernel. */
        void visit(int from, int to, int tap);
    }

    private static void eachTap(
            Activation x, Activation y, int kernel, int stride, int padding, Tap visitor) {
        for (int n = 0; n < x.images; n++) {
            for (int oy = 0; oy < y.height; oy++) {
                for (int ox = 0; ox < y.width; ox++) {
                    for (int tap = 0; tap < kernel * kernel; tap++) {
                        int iy = oy * stride - padding + tap / kernel;
                        int ix = ox * stride - padding + tap % kernel;
                        if (x.contains(iy, ix)) {
                            visitor.visit(x.at(n, iy, ix, 0), y.at(n, oy, ox, 0), tap);
                        }
                    }
                }
            }
        }
    }

    private Activation batchNorm(Activation x, String name) {
        double[] gamma = parameters.get(name + ".weight");
        double[] beta = parameters.get(name + ".bias");
        double[] runningMean = running.get(name + ".running_mean");
        double[] runningVariance = running.get(name + ".running_var");
        boolean batchStatistics = mode == Mode.TRAIN;
        int rows = x.rows();
        double[] mean = new double[x.channels];
        double[] inverse = new double[x.channels];
        for (int c = 0; c < x.channels; c++) {
            double variance = 0;
            if (batchStatistics) {
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
        Activation y = new Activation(x.images, x.height, x.width, x.channels);
        for (int i = 0; i < x.value.length; i++) {
            int c = i % x.channels;
            y.value[i] = gamma[c] * (x.value[i] - mean[c]) * inverse[c] + beta[c];
        }
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
                        gradients.get(name + ".weight")[c] += products;
                        gradients.get(name + ".bias")[c] += sum;
                        for (int r = 0; r < rows; r++) {
                            int i = r * x.channels + c;
                            double normalised = (x.value[i] - mean[c]) * inverse[c];
                            double g = y.gradient[i];
                            if (batchStatistics) {
                                g -= (sum + normalised * products) / rows;
                            }
                            x.gradient[i] += gamma[c] * inverse[c] * g;
                        }
                    }
                });
        return y;
    }

    private Activation relu(Activation x) {
        Activation y = new Activation(x.images, x.height, x.width, x.channels);
        for (int i = 0; i < x.value.length; i++) {
            y.value[i] = Math.max(0, x.value[i]);
        }
        tape.add(
                () -> {
                    for (int i = 0; i < x.value.length; i++) {
                        x.gradient[i] += x.value[i] > 0 ? y.gradient[i] : 0;
                    }
                });
        return y;
    }

    private Activation concatenate(Activation a, Activation b) {
        Activation y = new Activation(a.images, a.height, a.width, a.channels + b.channels);
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
                });
        return y;
    }

    private Activation drop(Activation x, int block, int layer, Dropout dropout) {
        Activation y = new Activation(x.images, x.height, x.width, x.channels);
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

    private Activation averagePool(Activation x) {
        Activation y = new Activation(x.images, x.height / 2, x.width / 2, x.channels);
        Tap pool =
                (from, to, tap) -> {
                    for (int c = 0; c < x.channels; c++) {
                        y.value[to + c] += x.value[from + c] / 4;
                    }
                };
        eachTap(x, y, 2, 2, 0, pool);
        tape.add(
                () ->
                        eachTap(
                                x,
                                y,
                                2,
                                2,
                                0,
                                (from, to, tap) -> {
                                    for (int c = 0; c < x.channels; c++) {
                                        x.gradient[from + c] += y.gradient[to + c] / 4;
                                    }
                                }));
        return y;
    }

    private Activation maxPool(Activation x) {
        Activation y = new Activation(x.images, (x.height + 1) / 2, (x.width + 1) / 2, x.channels);
        int[] source = new int[y.value.length];
        Arrays.fill(source, -1);
        eachTap(
                x,
                y,
                3,
                2,
                1,
                (from, to, tap) -> {
                    for (int c = 0; c < x.channels; c++) {
                        if (source[to + c] < 0 || x.value[from + c] > y.value[to + c]) {
                            source[to + c] = from + c;
                            y.value[to + c] = x.value[from + c];
                        }
                    }
                });
        tape.add(
                () -> {
                    for (int i = 0; i < source.length; i++) {
                        x.gradient[source[i]] += y.gradient[i];
                    }
                });
        return y;
    }

    private Activation globalPool(Activation x) {
        Activation y = new Activation(x.images, 1, 1, x.channels);
        int pixels = x.height * x.width;
        for (int i = 0; i < x.value.length; i++) {
            int target = i / (pixels * x.channels) * x.channels + i % x.channels;
            y.value[target] += x.value[i] / pixels;
        }
        tape.add(
                () -> {
                    for (int i = 0; i < x.value.length; i++) {
                        int target = i / (pixels * x.channels) * x.channels + i % x.channels;
                        x.gradient[i] += y.gradient[target] / pixels;
                    }
                });
        return y;
    }

    private Activation linear(Activation x) {
        double[] w = parameters.get("classifier.weight");
        double[] b = parameters.get("classifier.bias");
        Activation y = new Activation(x.images, 1, 1, spec.classes());
        for (int n = 0; n < x.images; n++) {
            for (int o = 0; o < y.channels; o++) {
                double sum = b[o];
                for (int i = 0; i < x.channels; i++) {
                    sum += w[o * x.channels + i] * x.value[n * x.channels + i];
                }
                y.value[n * y.channels + o] = sum;
            }
        }
        tape.add(
                () -> {
                    for (int n = 0; n < x.images; n++) {
                        for (int o = 0; o < y.channels; o++) {
                            double g = y.gradient[n * y.channels + o];
                            gradients.get("classifier.bias")[o] += g;
                            for (int i = 0; i < x.channels; i++) {
                                gradients.get("classifier.weight")[o * x.channels + i] +=
                                        g * x.value[n * x.channels + i];
                                x.gradient[n * x.channels + i] += g * w[o * x.channels + i];
                            }
                        }
                    }
                });
        return y;
    }
}
