package org.densenet4j.bench;

import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.LayerNorm;
import org.densenet4j.graph.PatchConvolution;

/**
 * RDNet's nodes in libtorch, in both forms that PyTorch's users have. As timm writes RDNets, 1x1
 * convolutions are convolutions, and a layer normalisation turns the channels to the end and back,
 * which costs nothing where images lie that way. In the form of {@link PeerVariant.Style#LINEAR}
 * they are turned once, and a layer's middle is linear layers over rows of pixels, as in the
 * official ConvNeXt.
 */
final class LibtorchMixers {
    private static final long[] CHANNELS_LAST = {0, 2, 3, 1};
    private static final long[] CHANNELS_FIRST = {0, 3, 1, 2};

    private final LibtorchWeights weights;
    private final boolean linear;
    private final boolean training;

    LibtorchMixers(LibtorchWeights weights, PeerVariant variant) {
        this.weights = weights;
        this.linear = variant.style() == PeerVariant.Style.LINEAR;
        this.training = variant.work() == Work.TRAINING;
    }

    /** The layer's new channels of what it reads, which the caller closes. */
    Tensor layer(DepthwiseLayer layer, Tensor x) {
        Tensor depthwise =
                convolution(layer.depthwise(), x, 1, layer.kernel() / 2, layer.prefixChannels());
        Tensor y = linear ? linearMiddle(layer, depthwise) : middle(layer, depthwise);
        Tensor gated = layer.gate().isPresent() ? gated(layer.gate().get(), y) : y;
        Tensor scaled;
        try (gated;
                Tensor scale = weights.get(layer.scale()).reshape(1, -1, 1, 1)) {
            scaled = gated.mul(scale);
        }
        return training && layer.drops().survival() < 1 ? dropped(scaled, layer.drops()) : scaled;
    }

    /** The convolution of patches of what it reads, which the caller closes. */
    Tensor patches(PatchConvolution node, Tensor x) {
        if (node.normalisesInput()) {
            try (Tensor normalised = norm(node.norm(), x)) {
                return convolution(node.convolution(), normalised, node.patch(), 0, 1);
            }
        }
        try (Tensor y = convolution(node.convolution(), x, node.patch(), 0, 1)) {
            return norm(node.norm(), y);
        }
    }

    /** Normalised vectors, the last dimension being channels. */
    Tensor normRows(LayerNorm norm, Tensor rows) {
        return torch.layer_norm(
                rows,
                new long[] {rows.size(-1)},
                new TensorOptional(weights.get(norm.name() + ".weight")),
                new TensorOptional(weights.get(norm.name() + ".bias")),
                norm.epsilon(),
                false);
    }

    /** timm's {@code LayerNorm2d}. */
    private Tensor norm(LayerNorm norm, Tensor x) {
        try (Tensor rows = x.permute(CHANNELS_LAST);
                Tensor normalised = normRows(norm, rows)) {
            return normalised.permute(CHANNELS_FIRST);
        }
    }

    private Tensor middle(DepthwiseLayer layer, Tensor depthwise) {
        Tensor normalised;
        try (depthwise) {
            normalised = norm(layer.norm(), depthwise);
        }
        Tensor h;
        try (normalised) {
            h = convolution(layer.expansion(), normalised, 1, 0, 1);
        }
        Tensor a;
        try (h) {
            a = torch.gelu(h, "none");
        }
        try (a) {
            return convolution(layer.projection(), a, 1, 0, 1);
        }
    }

    private Tensor linearMiddle(DepthwiseLayer layer, Tensor depthwise) {
        Tensor normalised;
        try (depthwise;
                Tensor rows = depthwise.permute(CHANNELS_LAST)) {
            normalised = normRows(layer.norm(), rows);
        }
        Tensor h;
        try (normalised) {
            h = rows(layer.expansion(), normalised);
        }
        Tensor a;
        try (h) {
            a = torch.gelu(h, "none");
        }
        try (a;
                Tensor y = rows(layer.projection(), a)) {
            return y.permute(CHANNELS_FIRST);
        }
    }

    private Tensor rows(String name, Tensor rows) {
        try (Tensor matrix = weights.get(name + ".weight").flatten(1, -1)) {
            return torch.linear(rows, matrix, new TensorOptional(weights.get(name + ".bias")));
        }
    }

    /** timm's {@code EffectiveSEModule}. */
    private Tensor gated(String name, Tensor y) {
        try (y;
                Tensor mean = y.mean(new long[] {2, 3}, true, new ScalarTypeOptional());
                Tensor opened = convolution(name, mean, 1, 0, 1);
                Tensor gate = torch.hardsigmoid(opened)) {
            return y.mul(gate);
        }
    }

    /** timm's {@code drop_path}: one draw for each image, what is kept is larger. */
    private static Tensor dropped(Tensor y, Drops drops) {
        try (y;
                Tensor kept = y.new_empty(y.size(0), 1, 1, 1)) {
            kept.bernoulli_(drops.survival(), new GeneratorOptional());
            kept.div_(new Scalar(drops.survival()));
            return y.mul(kept);
        }
    }

    private Tensor convolution(String name, Tensor x, int stride, int padding, int groups) {
        return torch.conv2d(
                x,
                weights.get(name + ".weight"),
                new TensorOptional(weights.get(name + ".bias")),
                new long[] {stride, stride},
                new long[] {padding, padding},
                new long[] {1, 1},
                groups);
    }
}
