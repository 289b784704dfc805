package org.densenet4j.bench;

import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;

import java.util.ArrayList;
import java.util.List;

/**
 * The network in libtorch (PyTorch's C++ library, through JavaCPP), as its users write it:
 * concatenation, batch norm, in-place ReLU, convolution, autograd.
 *
 * <p>With {@code CHECKPOINT} each layer's concatenation, batch norm and 1x1 convolution are
 * computed again in the backward pass, as torchvision's {@code memory_efficient=True} does, under
 * autocast where the forward pass was. The binding has no custom autograd functions, so the
 * backward pass walks the layers itself. Every tensor is let go as soon as Python would let it go:
 * nothing but what autograd keeps adds to the peak.
 */
final class LibtorchNetwork implements PeerNetwork {
    private final DenseNetSpec spec;
    private final LibtorchWeights weights;
    private final PeerVariant variant;
    private final boolean training;

    LibtorchNetwork(DenseNetSpec spec, LibtorchWeights weights, PeerVariant variant) {
        this.spec = spec;
        this.weights = weights;
        this.variant = variant;
        this.training = variant.work() == Work.TRAINING;
    }

    @Override
    public float step(Tensor images, Tensor labels) {
        List<Runnable> tape = new ArrayList<>();
        try (Tensor logits = forward(images, tape);
                Tensor wide = logits.to(torch.ScalarType.Float);
                Tensor loss = torch.cross_entropy_loss(wide, labels)) {
            loss.backward();
            for (int i = tape.size() - 1; i >= 0; i--) {
                tape.get(i).run();
            }
            return loss.item_float();
        }
    }

    @Override
    public List<Tensor> infer(Tensor images) {
        try (Tensor logits = forward(images, new ArrayList<>())) {
            return List.of(logits.to(torch.ScalarType.Float));
        }
    }

    private Tensor forward(Tensor images, List<Runnable> tape) {
        try (Autocast scope = Autocast.begin(variant.autocasts())) {
            Tensor x = stem(images);
            int blocks = spec.layersPerBlock().size();
            for (int b = 1; b <= blocks; b++) {
                x =
                        variant.style() == PeerVariant.Style.CHECKPOINT
                                ? checkpointedBlock(b, x, tape)
                                : block(b, x);
                if (b < blocks) {
                    x = transition("features.transition" + b, x);
                }
            }
            return classify(x);
        }
    }

    private Tensor classify(Tensor features) {
        Tensor a;
        try (features) {
            a = normRelu("features.norm5", features);
        }
        try (a;
                Tensor pooled = torch.adaptive_avg_pool2d(a, 1, 1);
                Tensor flat = pooled.flatten(1, -1)) {
            return torch.linear(
                    flat,
                    weights.get("classifier.weight"),
                    new TensorOptional(weights.get("classifier.bias")));
        }
    }

    private Tensor stem(Tensor images) {
        if (spec.stem() == Stem.SMALL) {
            return convolution("features.conv0", images, 1, 1);
        }
        long[] two = {2, 2};
        long[] one = {1, 1};
        try (Tensor a = convolutionNormRelu("features.conv0", "features.norm0", images, 2, 3)) {
            return torch.max_pool2d(a, new long[] {3, 3}, two, one, one, false);
        }
    }

    private Tensor transition(String name, Tensor input) {
        Tensor y;
        try (input;
                Tensor a = normRelu(name + ".norm", input)) {
            y = convolution(name + ".conv", a, 1, 0);
        }
        try (y) {
            return torch.avg_pool2d(y, 2, 2);
        }
    }

    private static String layer(int block, int index) {
        return "features.denseblock" + block + ".denselayer" + (index + 1);
    }

    private Tensor block(int b, Tensor input) {
        List<Tensor> features = new ArrayList<>(List.of(input));
        for (int l = 0; l < spec.layersPerBlock().get(b - 1); l++) {
            String name = layer(b, l);
            try (Tensor a = reduce(name, features)) {
                features.add(convolution(name + ".conv2", a, 1, 1));
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

    /** BN-ReLU-Conv1x1-BN-ReLU over everything so far. */
    private Tensor reduce(String name, List<Tensor> features) {
        Tensor a;
        try (Tensor x = concatenate(features)) {
            a = normRelu(name + ".norm1", x);
        }
        try (a) {
            return convolutionNormRelu(name + ".conv1", name + ".norm2", a, 1, 0);
        }
    }

    /** BN-ReLU-Conv1x1 over everything so far: what checkpointing makes again. */
    private Tensor bottleneck(String name, List<Tensor> features) {
        Tensor a;
        try (Tensor x = concatenate(features)) {
            a = normRelu(name + ".norm1", x);
        }
        try (a) {
            return convolution(name + ".conv1", a, 1, 0);
        }
    }

    /** The same with {@link #bottleneck} computed again in the backward pass. */
    private Tensor checkpointedBlock(int b, Tensor input, List<Runnable> tape) {
        List<Tensor> features = new ArrayList<>();
        Tensor first = leaf(input);
        features.add(first);
        tape.add(() -> backward(input, first));
        for (int l = 0; l < spec.layersPerBlock().get(b - 1); l++) {
            String name = layer(b, l);
            List<Tensor> inputs = List.copyOf(features);
            Tensor z;
            try (AutoGradMode off = new AutoGradMode(false)) {
                z = bottleneck(name, inputs);
            }
            z.requires_grad_(true);
            Tensor y;
            try (Tensor a = normRelu(name + ".norm2", z)) {
                y = convolution(name + ".conv2", a, 1, 1);
            }
            Tensor appended = leaf(y);
            features.add(appended);
            tape.add(
                    () -> {
                        backward(y, appended);
                        backward(again(name, inputs), z);
                    });
        }
        return concatenate(features);
    }

    private Tensor again(String name, List<Tensor> inputs) {
        try (Autocast scope = Autocast.begin(variant.autocasts())) {
            return bottleneck(name, inputs);
        }
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

    private Tensor convolution(String name, Tensor x, long stride, long padding) {
        Tensor bias = weights.find(name + ".folded");
        return torch.conv2d(
                x,
                weights.get(name + ".weight"),
                bias == null ? new TensorOptional() : new TensorOptional(bias),
                new long[] {stride, stride},
                new long[] {padding, padding},
                new long[] {1, 1},
                1);
    }

    /** The norm is part of the convolution where it has been folded into it. */
    private Tensor convolutionNormRelu(
            String name, String norm, Tensor x, long stride, long padding) {
        Tensor z = convolution(name, x, stride, padding);
        if (weights.find(name + ".folded") != null) {
            torch.relu_(z);
            return z;
        }
        try (z) {
            return normRelu(norm, z);
        }
    }

    /** The ReLU works in place, as torchvision's does. */
    private Tensor normRelu(String name, Tensor x) {
        Tensor normalised =
                torch.batch_norm(
                        x,
                        new TensorOptional(weights.get(name + ".weight")),
                        new TensorOptional(weights.get(name + ".bias")),
                        new TensorOptional(weights.get(name + ".running_mean")),
                        new TensorOptional(weights.get(name + ".running_var")),
                        training,
                        0.1,
                        1e-5,
                        false);
        torch.relu_(normalised);
        return normalised;
    }
}
