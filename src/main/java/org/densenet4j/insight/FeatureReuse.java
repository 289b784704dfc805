package org.densenet4j.insight;

import org.densenet4j.engine.Network;
import org.densenet4j.spec.BlockShape;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.LayerShape;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.weights.Model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * How strongly each layer reads the features of each earlier one: the mean absolute weight between
 * every source and target of every dense block (Huang et al. 2017, "Densely connected convolutional
 * networks", section 5 and figure 5). Computed from the weights alone; immutable.
 *
 * <p>For the weights W [out, in, kh, kw] of target l and the input channels c that source s made,
 *
 * <pre>{@code
 * reuse(s, l) = sum over o, c in s, y, x of |W[o, c, y, x]| / (out * channels(s) * kh * kw)
 * }</pre>
 *
 * which is the paper's L1 norm, normalised by the number of input feature maps, as an average per
 * weight, so that layers, transitions and the classifier compare. A target is the convolution that
 * reads the features: the 1x1 convolution of a bottleneck layer, the 3x3 convolution of a plain
 * one, the 1x1 convolution of a transition, or the classifier.
 */
public final class FeatureReuse {
    private final DenseNetSpec spec;
    private final List<BlockReuse> blocks;

    private FeatureReuse(DenseNetSpec spec, List<BlockReuse> blocks) {
        this.spec = spec;
        this.blocks = List.copyOf(blocks);
    }

    /**
     * Computes it from weights by name.
     *
     * @param weights gives the values of a parameter, in the PyTorch layout, by torchvision's name
     * @throws IllegalArgumentException when an array has another size than its parameter, or values
     *     that are not finite
     */
    public static FeatureReuse of(NetworkShape shape, Function<String, float[]> weights) {
        Objects.requireNonNull(shape, "shape");
        Objects.requireNonNull(weights, "weights");
        List<BlockReuse> blocks = new ArrayList<>();
        for (BlockShape block : shape.blocks()) {
            blocks.add(block(shape, block, weights));
        }
        return new FeatureReuse(shape.spec(), blocks);
    }

    /** Computes it from the weights that a network has now. */
    public static FeatureReuse of(Network network) {
        Objects.requireNonNull(network, "network");
        return of(NetworkShape.of(DenseNetSpec.of(network.plan().spec())), network::parameter);
    }

    /**
     * Computes it from a trained network in a file; only the weights in question are read.
     *
     * @throws IOException in one line when they cannot be read
     */
    public static FeatureReuse of(Model model) throws IOException {
        Objects.requireNonNull(model, "model");
        try {
            return of(
                    NetworkShape.of(model.spec()),
                    name -> {
                        try {
                            return model.values(name);
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /**
     * Computes it from a checkpoint or an export of this project.
     *
     * @throws IOException in one line when the file is broken or names no network
     */
    public static FeatureReuse read(Path path) throws IOException {
        Objects.requireNonNull(path, "path");
        try (Model model = Model.open(path)) {
            return of(model);
        } catch (IllegalArgumentException e) {
            throw new IOException(path + ": " + e.getMessage(), e);
        }
    }

    private static BlockReuse block(
            NetworkShape shape, BlockShape block, Function<String, float[]> weights) {
        List<Connection> connections = new ArrayList<>();
        String name = "features.denseblock" + block.index() + ".denselayer";
        for (LayerShape layer : block.layers()) {
            boolean bottleneck = layer.bottleneckChannels() > 0;
            int outputs = bottleneck ? layer.bottleneckChannels() : layer.growthRate();
            String weight = name + layer.index() + ".conv1.weight";
            int taps = bottleneck ? 1 : 9;
            addTarget(connections, shape, block, layer.index(), weight, outputs, taps, weights);
        }
        int behind = block.layers().size() + 1;
        boolean last = block.index() > shape.transitions().size();
        String behindName = last ? "classifier" : "transition" + block.index();
        String weight = last ? "classifier.weight" : "features." + behindName + ".conv.weight";
        int outputs =
                last
                        ? shape.head().classes()
                        : shape.transitions().get(block.index() - 1).outputChannels();
        addTarget(connections, shape, block, behind, weight, outputs, 1, weights);
        return new BlockReuse(block.index(), block.layers().size(), behindName, connections);
    }

    // taps: kh·kw
    private static void addTarget(
            List<Connection> connections,
            NetworkShape shape,
            BlockShape block,
            int target,
            String weightName,
            int outputs,
            int taps,
            Function<String, float[]> weights) {
        int growthRate = shape.spec().growthRate();
        int inputs = block.inputChannels() + (target - 1) * growthRate;
        float[] values = weights.apply(weightName);
        if (values.length != (long) outputs * inputs * taps) {
            throw new IllegalArgumentException(
                    weightName
                            + " has "
                            + values.length
                            + " values, the network wants "
                            + outputs
                            + "x"
                            + inputs
                            + "x"
                            + taps);
        }
        double[] norms = new double[inputs];
        for (int i = 0; i < values.length; i++) {
            norms[i / taps % inputs] += Math.abs(values[i]);
        }
        double[] means = new double[target];
        double largest = 0;
        for (int source = 0; source < target; source++) {
            int first = firstChannel(block, growthRate, source);
            int channels = source == 0 ? block.inputChannels() : growthRate;
            double sum = 0;
            for (int c = first; c < first + channels; c++) {
                sum += norms[c];
            }
            means[source] = sum / ((double) outputs * channels * taps);
            if (!Double.isFinite(means[source])) {
                throw new IllegalArgumentException(weightName + " has values that are not finite");
            }
            largest = Math.max(largest, means[source]);
        }
        for (int source = 0; source < target; source++) {
            int channels = source == 0 ? block.inputChannels() : growthRate;
            connections.add(
                    new Connection(
                            block.index(),
                            source,
                            target,
                            weightName,
                            firstChannel(block, growthRate, source),
                            channels,
                            (long) outputs * channels * taps,
                            means[source],
                            largest == 0 ? 0 : means[source] / largest));
        }
    }

    private static int firstChannel(BlockShape block, int growthRate, int source) {
        return source == 0 ? 0 : block.inputChannels() + (source - 1) * growthRate;
    }

    /** The network's hyperparameters. */
    public DenseNetSpec spec() {
        return spec;
    }

    /** The dense blocks in order. */
    public List<BlockReuse> blocks() {
        return blocks;
    }

    /** All connections, ordered by block, target and source. */
    public List<Connection> connections() {
        return blocks.stream().flatMap(block -> block.connections().stream()).toList();
    }
}
