package org.densenet4j.bench;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.SGD;
import org.bytedeco.pytorch.SGDOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Training steps of the same network in libtorch (PyTorch's C++ library, through JavaCPP), as its
 * users write it: concatenation, batch norm, ReLU, convolution, autograd, SGD with Nesterov
 * momentum.
 *
 * <p>With {@code checkpoint} each layer's concatenation, batch norm and 1x1 convolution are
 * computed again in the backward pass, as torchvision's {@code memory_efficient=True} does. The
 * binding has no custom autograd functions, so the backward pass walks the layers itself. Every
 * tensor is let go as soon as Python would let it go: nothing but what autograd keeps adds to the
 * peak.
 *
 * <p>Arguments: model, batch, steps, threads, nchw|nhwc, naive|checkpoint. Prints one line of
 * {@code key=value}.
 */
public final class LibtorchPeer {
    private final DenseNetSpec spec;
    private final torch.MemoryFormat format;
    private final boolean checkpoint;
    private final Map<String, Tensor> tensors = new HashMap<>();
    private final TensorVector parameters = new TensorVector();

    private LibtorchPeer(DenseNetSpec spec, torch.MemoryFormat format, boolean checkpoint) {
        this.spec = spec;
        this.format = format;
        this.checkpoint = checkpoint;
    }

    /** Measures, and prints one line. */
    public static void main(String[] args) {
        DenseNetSpec spec = DenseNetSpec.preset(args[0]).build();
        int batch = Integer.parseInt(args[1]);
        int steps = Integer.parseInt(args[2]);
        torch.set_num_threads(Integer.parseInt(args[3]));
        torch.MemoryFormat format =
                args[4].equals("nhwc")
                        ? torch.MemoryFormat.ChannelsLast
                        : torch.MemoryFormat.Contiguous;
        double seconds =
                new LibtorchPeer(spec, format, args[5].equals("checkpoint")).run(batch, steps);
        System.out.printf(
                Locale.ROOT, "medianSeconds=%.5f imagesPerSecond=%.2f%n", seconds, batch / seconds);
    }

    /** Median of the second half of the steps. */
    private double run(int batch, int steps) {
        torch.manual_seed(1);
        Tensor images =
                torch.randn(batch, spec.inputChannels(), spec.inputHeight(), spec.inputWidth())
                        .contiguous(format);
        Tensor labels = torch.randint(spec.classes(), new long[] {batch}).to(torch.ScalarType.Long);
        double[] seconds = new double[steps];
        try (PointerScope scope = new PointerScope()) {
            step(images, labels); // makes the parameters
        }
        SGDOptions options = new SGDOptions(0.01);
        options.momentum().put(0.9);
        options.weight_decay().put(1e-4);
        options.nesterov().put(true);
        SGD sgd = new SGD(parameters, options);
        for (int s = 0; s < steps; s++) {
            long start = System.nanoTime();
            try (PointerScope scope = new PointerScope()) {
                sgd.zero_grad();
                float loss = step(images, labels);
                if (!Float.isFinite(loss)) {
                    throw new IllegalStateException("the loss is " + loss + " in step " + s);
                }
                sgd.step();
            }
            seconds[s] = (System.nanoTime() - start) / 1e9;
        }
        double[] warm = Arrays.copyOfRange(seconds, steps / 2, steps);
        Arrays.sort(warm);
        return warm[warm.length / 2];
    }

    /** Forward and backward pass; returns the loss. */
    private float step(Tensor images, Tensor labels) {
        Tensor x = stem(images);
        List<Runnable> tape = new ArrayList<>();
        int blocks = spec.layersPerBlock().size();
        for (int b = 0; b < blocks; b++) {
            x = checkpoint ? checkpointedBlock(b, x, tape) : block(b, x);
            if (b < blocks - 1) {
                x = transition("transition" + b, x);
            }
        }
        try (Tensor a = normRelu("last", x);
                Tensor pooled = torch.adaptive_avg_pool2d(a, 1, 1);
                Tensor flat = pooled.flatten(1, -1);
                Tensor logits = classify(flat);
                Tensor loss = torch.cross_entropy_loss(logits, labels)) {
            x.close();
            loss.backward();
            for (int i = tape.size() - 1; i >= 0; i--) {
                tape.get(i).run();
            }
            return loss.item_float();
        }
    }

    private Tensor classify(Tensor x) {
        Tensor weight = parameter("fc.weight", 0.05, spec.classes(), x.size(1));
        Tensor bias = parameter("fc.bias", 0, spec.classes());
        return torch.linear(x, weight, new TensorOptional(bias));
    }

    private Tensor stem(Tensor images) {
        if (spec.stem() == Stem.SMALL) {
            return convolution("stem", images, spec.initialChannels(), 3, 1, 1);
        }
        long[] two = {2, 2};
        long[] one = {1, 1};
        try (Tensor x = convolution("stem", images, spec.initialChannels(), 7, 2, 3);
                Tensor a = normRelu("stem.norm", x)) {
            return torch.max_pool2d(a, new long[] {3, 3}, two, one, one, false);
        }
    }

    private Tensor transition(String name, Tensor x) {
        long out = (long) (x.size(1) * spec.compression());
        try (x;
                Tensor a = normRelu(name, x);
                Tensor y = convolution(name + ".conv", a, out, 1, 1, 0)) {
            return torch.avg_pool2d(y, 2, 2);
        }
    }

    private Tensor block(int b, Tensor input) {
        List<Tensor> features = new ArrayList<>(List.of(input));
        for (int l = 0; l < spec.layersPerBlock().get(b); l++) {
            String name = b + "." + l;
            try (Tensor z = reduce(name, features)) {
                features.add(expand(name, z));
            }
        }
        Tensor all = concatenate(features);
        features.forEach(Tensor::close);
        return all;
    }

    private static Tensor concatenate(List<Tensor> features) {
        try (TensorVector vector = new TensorVector(features.toArray(Tensor[]::new))) {
            return torch.cat(vector, 1);
        }
    }

    /** BN-ReLU-Conv1x1 over everything so far. */
    private Tensor reduce(String name, List<Tensor> features) {
        long width = (long) spec.bottleneckWidth() * spec.growthRate();
        try (Tensor x = concatenate(features);
                Tensor a = normRelu(name + ".norm1", x)) {
            return convolution(name + ".conv1", a, width, 1, 1, 0);
        }
    }

    /** BN-ReLU-Conv3x3 to the new features. */
    private Tensor expand(String name, Tensor z) {
        try (Tensor a = normRelu(name + ".norm2", z)) {
            return convolution(name + ".conv2", a, spec.growthRate(), 3, 1, 1);
        }
    }

    /** The same with {@link #reduce} computed again in the backward pass. */
    private Tensor checkpointedBlock(int b, Tensor input, List<Runnable> tape) {
        List<Tensor> features = new ArrayList<>();
        Tensor first = leaf(input);
        features.add(first);
        tape.add(() -> backward(input, first));
        for (int l = 0; l < spec.layersPerBlock().get(b); l++) {
            String name = b + "." + l;
            List<Tensor> inputs = List.copyOf(features);
            Tensor z;
            try (AutoGradMode off = new AutoGradMode(false)) {
                z = reduce(name, inputs);
            }
            z.requires_grad_(true);
            Tensor y = expand(name, z);
            Tensor appended = leaf(y);
            features.add(appended);
            tape.add(
                    () -> {
                        backward(y, appended);
                        backward(reduce(name, inputs), z);
                    });
        }
        return concatenate(features);
    }

    private static Tensor leaf(Tensor x) {
        Tensor leaf = x.detach();
        leaf.requires_grad_(true);
        return leaf;
    }

    /** Carries the gradient that arrived at a leaf on to what the leaf was cut off from. */
    private static void backward(Tensor output, Tensor leaf) {
        try (output;
                leaf;
                Tensor gradient = leaf.grad()) {
            output.backward(gradient, new BoolOptional(), false, new TensorArrayRefOptional());
        }
    }

    private Tensor convolution(
            String name, Tensor x, long out, long kernel, long stride, long padding) {
        double deviation = Math.sqrt(2.0 / (x.size(1) * kernel * kernel));
        Tensor weight = parameter(name, deviation, out, x.size(1), kernel, kernel);
        return torch.conv2d(
                x,
                weight,
                new TensorOptional(),
                new long[] {stride, stride},
                new long[] {padding, padding},
                new long[] {1, 1},
                1);
    }

    /** The ReLU works in place, as torchvision's does. */
    private Tensor normRelu(String name, Tensor x) {
        Tensor normalised = norm(name, x);
        torch.relu_(normalised);
        return normalised;
    }

    private Tensor norm(String name, Tensor x) {
        long channels = x.size(1);
        Tensor weight = parameter(name + ".weight", -1, channels);
        Tensor bias = parameter(name + ".bias", 0, channels);
        Tensor mean = buffer(name + ".mean", 0, channels);
        Tensor variance = buffer(name + ".variance", 1, channels);
        return torch.batch_norm(
                x,
                new TensorOptional(weight),
                new TensorOptional(bias),
                new TensorOptional(mean),
                new TensorOptional(variance),
                true,
                0.1,
                1e-5,
                false);
    }

    /** Normally distributed with this deviation; ones where it is negative. Made at first use. */
    private Tensor parameter(String name, double deviation, long... shape) {
        return tensors.computeIfAbsent(
                name,
                n -> {
                    Tensor t = deviation < 0 ? torch.ones(shape) : torch.randn(shape);
                    if (deviation >= 0) {
                        t.mul_(new Scalar(deviation));
                    }
                    Tensor p = shape.length == 4 ? t.contiguous(format) : t;
                    p.requires_grad_(true);
                    parameters.push_back(p);
                    p.retainReference();
                    return p;
                });
    }

    private Tensor buffer(String name, int value, long... shape) {
        return tensors.computeIfAbsent(
                name,
                n -> {
                    Tensor t = value == 0 ? torch.zeros(shape) : torch.ones(shape);
                    t.retainReference();
                    return t;
                });
    }
}
