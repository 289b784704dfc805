package org.densenet4j.insight;

import org.densenet4j.engine.Network;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.weights.Model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
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
 * one, the convolution of a transition, or the classifier. A source is what wrote them: a layer, a
 * transition, a pool, a sum.
 *
 * <p>A block is a matrix of features of which some node reads what several nodes wrote. So a layer
 * of FC-DenseNet's way up has the layers of the skip connection as sources, too; and where every
 * node reads one other, as in a ResNet, there is no block.
 */
public final class FeatureReuse {
    private final NetworkSpec spec;
    private final List<BlockReuse> blocks;

    private FeatureReuse(NetworkSpec spec, List<BlockReuse> blocks) {
        this.spec = spec;
        this.blocks = List.copyOf(blocks);
    }

    /**
     * Computes it from weights by name.
     *
     * @param spec the network
     * @param weights gives the values of a parameter, in the PyTorch layout
     * @return the strength of each connection
     * @throws IllegalArgumentException when an array has another size than its parameter, or values
     *     that are not finite; when no node of the network reads what several others wrote
     */
    public static FeatureReuse of(NetworkSpec spec, Function<String, float[]> weights) {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(weights, "weights");
        List<BlockReuse> blocks = ReuseBlocks.of(spec, weights);
        if (blocks.isEmpty()) {
            throw new IllegalArgumentException(
                    "no node of the network '"
                            + spec.name()
                            + "' reads features of several others: there are no connections to"
                            + " compare");
        }
        return new FeatureReuse(spec, blocks);
    }

    /**
     * Computes it from the weights that a network has now.
     *
     * @param network with trained weights
     * @return the strength of each connection
     */
    public static FeatureReuse of(Network network) {
        Objects.requireNonNull(network, "network");
        return of(network.plan().spec(), network::parameter);
    }

    /**
     * Computes it from a trained network in a file; only the weights in question are read.
     *
     * @param model an open file
     * @return the strength of each connection
     * @throws IOException in one line when they cannot be read
     */
    public static FeatureReuse of(Model model) throws IOException {
        Objects.requireNonNull(model, "model");
        try {
            return of(
                    model.spec(),
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
     * @param path a checkpoint or an export
     * @return the strength of each connection
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

    /** {@return the network's hyperparameters, or its graph} */
    public NetworkSpec spec() {
        return spec;
    }

    /** {@return the blocks in order} */
    public List<BlockReuse> blocks() {
        return blocks;
    }

    /** {@return all connections, ordered by block, target and source} */
    public List<Connection> connections() {
        return blocks.stream().flatMap(block -> block.connections().stream()).toList();
    }
}
