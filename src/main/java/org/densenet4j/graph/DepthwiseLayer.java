package org.densenet4j.graph;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Optional;

/**
 * A dense layer of an RDNet (Kim et al. 2024, arXiv 2403.19588): a depthwise convolution of a
 * column prefix, layer normalisation, a 1x1 convolution to a wider middle, GELU, and a 1x1
 * convolution to the new channels; then a gate for each channel (effective squeeze-excitation, Lee
 * and Park 2020, arXiv 1911.06667), a scale for each (Touvron et al. 2021, arXiv 2103.17239) and
 * drop path. It reads the prefix as it is: no statistics of the batch are in it.
 *
 * <pre>
 * d = depthwise(x),  h = W1·layerNorm(d) + b1,  y = W2·GELU(h) + b2
 * out = y · hardSigmoid(Wg·mean(y) + bg) · scale · drop
 * </pre>
 *
 * @param name of the operation
 * @param source the prefix
 * @param kernel height and width of the depthwise convolution's kernels, odd
 * @param depthwise name of its tensors
 * @param norm of its output
 * @param width channels of the middle
 * @param expansion name of the tensors of the 1x1 convolution to the middle
 * @param projection name of the tensors of the 1x1 convolution to the new channels
 * @param gate name of the tensors of the gate; none where there is no gate
 * @param scale name of the tensor of scales
 * @param drops which images the layer is dropped for in training (drop path): one draw for each
 *     image, and no dropout of elements
 * @param target the k columns that it writes
 */
public record DepthwiseLayer(
        String name,
        Read.Raw source,
        int kernel,
        String depthwise,
        LayerNorm norm,
        int width,
        String expansion,
        String projection,
        Optional<String> gate,
        String scale,
        Drops drops,
        Columns target)
        implements Node {

    /** Refuses what is no such layer. */
    public DepthwiseLayer {
        requireNonNull(name, "name");
        requireNonNull(source, "source");
        requireNonNull(depthwise, "depthwise");
        requireNonNull(norm, "norm");
        requireNonNull(expansion, "expansion");
        requireNonNull(projection, "projection");
        requireNonNull(gate, "gate");
        requireNonNull(scale, "scale");
        requireNonNull(drops, "drops");
        requireNonNull(target, "target");
        if (kernel < 1 || kernel % 2 == 0) {
            throw new GraphException(
                    "the node '" + name + "' has kernels of " + kernel + ": use an odd size");
        }
        if (width < 1) {
            throw new GraphException(
                    "the node '" + name + "' has a middle of " + width + " channels");
        }
        if (source.ranges().size() > 1) {
            throw new GraphException(
                    "the node '"
                            + name
                            + "' has kernels of its own: it reads columns of one matrix");
        }
        if (drops.rate() > 0) {
            throw new GraphException(
                    "the node '" + name + "' is dropped image by image: use a dropout rate of 0");
        }
        Sizes.require(name, target.of(), source.height(), source.width());
    }

    /** {@return channels of the prefix} */
    public int prefixChannels() {
        return source.channels();
    }

    /** {@return channels that it appends, k} */
    public int growthRate() {
        return target.count();
    }

    @Override
    public List<Read> reads() {
        return List.of(source);
    }

    @Override
    public Optional<Columns> writes() {
        return Optional.of(target);
    }

    @Override
    public List<ParameterSpec> parameters() {
        Tensors tensors =
                new Tensors()
                        .scale(scale, growthRate())
                        .convolution(depthwise, prefixChannels(), 1, kernel, true)
                        .norm(norm, prefixChannels())
                        .convolution(expansion, width, prefixChannels(), 1, true)
                        .convolution(projection, growthRate(), width, 1, true);
        gate.ifPresent(g -> tensors.convolution(g, growthRate(), growthRate(), 1, true));
        return tensors.list();
    }

    @Override
    public long innerValues() {
        return (long) target.of().pixels() * (prefixChannels() + width);
    }

    @Override
    public long multiplyAdds() {
        long each =
                (long) kernel * kernel * prefixChannels()
                        + (long) width * (prefixChannels() + growthRate());
        long ofGate = gate.isPresent() ? (long) growthRate() * growthRate() : 0;
        return target.of().pixels() * each + ofGate;
    }

    @Override
    public List<Window> windows() {
        return List.of(new Window(kernel, 1, kernel / 2));
    }
}
