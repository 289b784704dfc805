package org.densenet4j.reference;

import org.densenet4j.engine.Mode;
import org.densenet4j.spec.BlockShape;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.LayerShape;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.Stem;
import org.densenet4j.spec.StemShape;
import org.densenet4j.spec.TransitionShape;

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
    private final Rounding rounding;
    private final Tensors tensors;
    private final Operations on;
    private Activation input;
    private Activation logits;
    private double[] lossGradient;

    /** A network whose parameters and running statistics are all zero. */
    public ReferenceNetwork(DenseNetSpec spec) {
        this(spec, Rounding.DOUBLE);
    }

    /**
     * The same, with every operation's result rounded.
     *
     * @param bits of the significand; 24 are those of single precision
     */
    public ReferenceNetwork(DenseNetSpec spec, int bits) {
        this.rounding = new Rounding(bits);
        this.spec = spec;
        this.tensors = new Tensors(spec, rounding);
        this.on = new Operations(spec, tensors, rounding);
    }

    /** Roughly the bytes that a forward pass allocates. */
    public static double bytes(DenseNetSpec spec, int images) {
        NetworkShape shape = NetworkShape.of(spec);
        StemShape stem = shape.stem();
        double values = 4.0 * stem.convHeight() * stem.convWidth() * stem.channels();
        for (BlockShape block : shape.blocks()) {
            for (LayerShape layer : block.layers()) {
                int perPixel =
                        3 * layer.prefixChannels()
                                + 3 * layer.bottleneckChannels()
                                + 3 * layer.growthRate();
                values += (double) layer.height() * layer.width() * perPixel;
            }
        }
        for (TransitionShape t : shape.transitions()) {
            values += 4.0 * t.height() * t.width() * t.inputChannels();
        }
        return 2 * Double.BYTES * values * images; // values and gradients
    }

    /** A parameter, to read and to set. */
    public double[] parameter(String name) {
        return tensors.parameter(name);
    }

    /** The gradient of a parameter. */
    public double[] gradient(String name) {
        return tensors.gradient(name);
    }

    /** A running mean or variance, to read and to set. */
    public double[] runningStatistic(String name) {
        return tensors.running(name);
    }

    /** The gradient of the images, NHWC. */
    public double[] inputGradient() {
        return input.gradient;
    }

    // ---------------------------------------------------------------- the network

    /** Logits [images, classes] of NHWC images. */
    public double[] forward(double[] images, Mode passMode, Dropout dropout) {
        on.begin(passMode == Mode.TRAIN);
        int perImage = spec.inputHeight() * spec.inputWidth() * spec.inputChannels();
        input =
                on.make(
                        images.length / perImage,
                        spec.inputHeight(),
                        spec.inputWidth(),
                        spec.inputChannels());
        System.arraycopy(images, 0, input.value, 0, images.length);

        Activation x;
        if (spec.stem() == Stem.IMAGENET) {
            x = on.convolution(input, "features.conv0", spec.initialChannels(), 7, 2, 3);
            x = on.maxPool(normRelu(x, "features.norm0"), "features.pool0");
        } else {
            x = on.convolution(input, "features.conv0", spec.initialChannels(), 3, 1, 1);
        }
        int blocks = spec.layersPerBlock().size();
        for (int b = 1; b <= blocks; b++) {
            for (int l = 1; l <= spec.layersPerBlock().get(b - 1); l++) {
                String name = "features.denseblock" + b + ".denselayer" + l;
                x = on.concatenate(x, layer(x, name, b, l, dropout));
            }
            if (b < blocks) {
                String name = "features.transition" + b;
                int out = (int) Math.floor(x.channels * spec.compression());
                x = normRelu(x, name + ".norm");
                x = on.averagePool(on.convolution(x, name + ".conv", out, 1, 1, 0));
            }
        }
        logits = on.linear(on.globalPool(normRelu(x, "features.norm5")));
        lossGradient = new double[logits.value.length];
        return logits.value.clone();
    }

    private Activation normRelu(Activation x, String name) {
        return on.relu(on.batchNorm(x, name), name);
    }

    private Activation layer(Activation x, String name, int block, int layer, Dropout dropout) {
        int k = spec.growthRate();
        Activation y = normRelu(x, name + ".norm1");
        if (spec.hasBottleneck()) {
            y = on.convolution(y, name + ".conv1", spec.bottleneckChannels(), 1, 1, 0);
            y = normRelu(y, name + ".norm2");
            y = on.convolution(y, name + ".conv2", k, 3, 1, 1);
        } else {
            y = on.convolution(y, name + ".conv1", k, 3, 1, 1);
        }
        return dropout == Dropout.NONE ? y : on.drop(y, block, layer, dropout);
    }

    /**
     * Mean softmax cross-entropy with label smoothing; leaves its gradient for the backward pass.
     */
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
                double probability = rounding.of(Math.exp(logProbability));
                lossGradient[i * classes + c] = (probability - target) / n;
            }
        }
        return rounding.of(loss);
    }

    /** Gradients of everything, from the gradient that {@link #loss} left at the logits. */
    public void backward() {
        backward(branches());
    }

    /** Gradients of everything, as if every ReLU and the max-pool had gone another way. */
    public void backward(Branches branches) {
        tensors.zeroGradients();
        on.backward(logits, lossGradient, branches);
    }

    /** Gradients of everything, from a gradient of the logits. */
    public void backward(double[] logitsGradient) {
        System.arraycopy(logitsGradient, 0, lossGradient, 0, logitsGradient.length);
        backward();
    }

    /** Which way every ReLU and the max-pool of the last forward pass went. */
    public Branches branches() {
        return on.branches();
    }

    /**
     * How far every ReLU and the max-pool of the last forward pass were from going the other way,
     * by the layer's name as in {@link Kink}; infinite where a pool's value passes no gradient on.
     */
    public Map<String, double[]> margins() {
        return on.margins();
    }

    /** The gradient that the last backward pass brought to a ReLU's outputs. */
    public double[] arriving(String relu) {
        return on.arriving(relu);
    }

    /** PyTorch's SGD without dampening. */
    public void sgd(double rate, double momentum, boolean nesterov, double decay) {
        tensors.sgd(rate, momentum, nesterov, decay);
    }
}
