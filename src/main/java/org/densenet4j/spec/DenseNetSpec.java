package org.densenet4j.spec;

import static org.densenet4j.spec.FieldChecks.layers;
import static org.densenet4j.spec.FieldChecks.positive;
import static org.densenet4j.spec.FieldChecks.probability;
import static org.densenet4j.spec.FieldChecks.require;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The hyperparameters of a DenseNet (Huang et al. 2017, arXiv 1608.06993). Immutable and validated.
 *
 * <pre>{@code
 * DenseNetSpec spec = DenseNetSpec.bc(100, 12).classes(10).build();
 * DenseNetSpec imageNet = DenseNetSpec.densenet121().build();
 * }</pre>
 */
public final class DenseNetSpec extends FamilyFields implements FamilySpec {
    static final String NAMES =
            "bc-DEPTH-K (bc-100-12), plain-DEPTH-K, b-DEPTH-K, c-DEPTH-K,"
                    + " densenet121/169/201/161/264/232, densenetblur121d, densenet264d";

    private final int growthRate;
    private final boolean growthDoubles;
    private final List<Integer> layersPerBlock;
    private final int initialChannels;
    private final int bottleneckWidth;
    private final double compression;
    private final double dropout;
    private final double stochasticDepth;
    private final Stem stem;

    private DenseNetSpec(Builder b) {
        super(b);
        growthRate = positive("growthRate", b.growthRate);
        growthDoubles = b.growthDoubles;
        layersPerBlock = b.layersPerBlock;
        initialChannels = positive("initialChannels", b.initialChannels);
        bottleneckWidth = b.bottleneckWidth;
        compression = b.compression;
        dropout = b.dropout;
        stochasticDepth = b.stochasticDepth;
        stem = Objects.requireNonNull(b.stem, "stem");
        require(
                !layersPerBlock.isEmpty(),
                "layersPerBlock is empty: give at least one block, such as layersPerBlock(6, 12)");
        layers("layersPerBlock", layersPerBlock);
        require(
                bottleneckWidth >= 0 && bottleneckWidth <= 1024,
                "bottleneckWidth = " + bottleneckWidth + ": use 4 as in the paper, or 0 for none");
        require(
                compression > 0 && compression <= 1,
                "compression = " + compression + ": use a number above 0 and up to 1");
        probability("dropout", dropout);
        probability("stochasticDepth", stochasticDepth);
        NetworkShape.of(this); // refuses what shrinks to nothing or grows beyond bounds
    }

    // ---------------------------------------------------------------- presets

    /**
     * {@return DenseNet (L, k) for small images: 3 blocks of (L − 4)/3 layers, 16 initial channels}
     *
     * @param depth layers with weights, as the paper counts them; what does not fit the blocks is
     *     refused with the nearest that do
     * @param growthRate channels that each dense layer appends
     */
    public static Builder plain(int depth, int growthRate) {
        return small("plain", depth, growthRate, 3, 16, 0, 1);
    }

    /**
     * {@return DenseNet-B: with bottlenecks, without compression; (L − 4)/6 layers per block}
     *
     * @param depth layers with weights, as the paper counts them; what does not fit the blocks is
     *     refused with the nearest that do
     * @param growthRate channels that each dense layer appends
     */
    public static Builder b(int depth, int growthRate) {
        return small("b", depth, growthRate, 6, 2 * growthRate, 4, 1);
    }

    /**
     * {@return DenseNet-C: with compression 0.5, without bottlenecks; (L − 4)/3 layers per block}
     *
     * @param depth layers with weights, as the paper counts them; what does not fit the blocks is
     *     refused with the nearest that do
     * @param growthRate channels that each dense layer appends
     */
    public static Builder c(int depth, int growthRate) {
        return small("c", depth, growthRate, 3, 16, 0, 0.5);
    }

    /**
     * {@return DenseNet-BC: bottlenecks and compression 0.5; (L − 4)/6 layers per block, 2k
     * channels}
     *
     * @param depth layers with weights, as the paper counts them; what does not fit the blocks is
     *     refused with the nearest that do
     * @param growthRate channels that each dense layer appends
     */
    public static Builder bc(int depth, int growthRate) {
        return small("bc", depth, growthRate, 6, 2 * growthRate, 4, 0.5);
    }

    private static Builder small(
            String kind,
            int depth,
            int growthRate,
            int depthPerLayer,
            int initialChannels,
            int bottleneckWidth,
            double compression) {
        if (depth < 4 + depthPerLayer
                || (depth - 4) % depthPerLayer != 0
                || depth > FieldChecks.LARGEST) {
            int below = 4 + Math.floorDiv(depth - 4, depthPerLayer) * depthPerLayer;
            int lowest = 4 + depthPerLayer;
            String nearest =
                    below < lowest
                            ? "the smallest is " + lowest
                            : "the nearest are " + below + " and " + (below + depthPerLayer);
            throw new IllegalArgumentException(
                    "depth "
                            + depth
                            + " does not fit DenseNet "
                            + kind
                            + ", whose depth is "
                            + depthPerLayer
                            + "n + 4; "
                            + nearest);
        }
        int layers = (depth - 4) / depthPerLayer;
        return builder()
                .name(kind + "-" + depth + "-" + growthRate)
                .growthRate(growthRate)
                .layersPerBlock(layers, layers, layers)
                .initialChannels(initialChannels)
                .bottleneckWidth(bottleneckWidth)
                .compression(compression);
    }

    /** {@return DenseNet-121 for ImageNet, k = 32} */
    public static Builder densenet121() {
        return imageNet("densenet121", 32, 6, 12, 24, 16);
    }

    /** {@return DenseNet-169 for ImageNet, k = 32} */
    public static Builder densenet169() {
        return imageNet("densenet169", 32, 6, 12, 32, 32);
    }

    /** {@return DenseNet-201 for ImageNet, k = 32} */
    public static Builder densenet201() {
        return imageNet("densenet201", 32, 6, 12, 48, 32);
    }

    /** {@return DenseNet-161 for ImageNet, k = 48} */
    public static Builder densenet161() {
        return imageNet("densenet161", 48, 6, 12, 36, 24);
    }

    /** {@return DenseNet-264 for ImageNet, k = 32 (Huang et al. 2017, table 1)} */
    public static Builder densenet264() {
        return imageNet("densenet264", 32, 6, 12, 64, 48);
    }

    /**
     * {@return DenseNet-232 for ImageNet, k = 48 (Pleiss et al. 2017, section 4)} The name is the
     * report's; by the usual count its blocks make 233 layers.
     */
    public static Builder densenet232() {
        return imageNet("densenet232", 48, 6, 32, 48, 28);
    }

    /** {@return timm's DenseNet-121 with a deep stem and a blur pool, k = 32} */
    public static Builder densenetblur121d() {
        return imageNet("densenetblur121d", 32, 6, 12, 24, 16).stem(Stem.DEEP_BLUR);
    }

    /** {@return timm's DenseNet-264 with a deep stem, k = 48} */
    public static Builder densenet264d() {
        return imageNet("densenet264d", 48, 6, 12, 64, 48).stem(Stem.DEEP);
    }

    private static Builder imageNet(String name, int growthRate, int... layers) {
        return builder()
                .name(name)
                .growthRate(growthRate)
                .layersPerBlock(layers)
                .initialChannels(2 * growthRate)
                .bottleneckWidth(4)
                .compression(0.5)
                .stem(Stem.IMAGENET)
                .classes(1000)
                .inputSize(224);
    }

    /**
     * {@return a preset by name: {@code bc-100-12}, {@code plain-40-12}, {@code b-100-12}, {@code
     * c-40-12}, {@code densenet121} and the like}
     *
     * @param name such as {@code densenet121} or {@code bc-100-12}
     * @throws IllegalArgumentException for any other name
     */
    public static Builder preset(String name) {
        return FieldChecks.known(named(name), name, NAMES);
    }

    /** The same; empty for any other name. */
    static Optional<Builder> named(String name) {
        Objects.requireNonNull(name, "name");
        String n = name.strip().toLowerCase(Locale.ROOT);
        return Optional.ofNullable(
                switch (n) {
                    case "densenet121" -> densenet121();
                    case "densenet169" -> densenet169();
                    case "densenet201" -> densenet201();
                    case "densenet161" -> densenet161();
                    case "densenet264" -> densenet264();
                    case "densenet232" -> densenet232();
                    case "densenetblur121d" -> densenetblur121d();
                    case "densenet264d" -> densenet264d();
                    default -> n.matches("(plain|b|c|bc)-\\d{1,7}-\\d{1,7}") ? small(n) : null;
                });
    }

    private static Builder small(String name) {
        String[] parts = name.split("-", -1);
        int depth = Integer.parseInt(parts[1]);
        int growthRate = Integer.parseInt(parts[2]);
        return switch (parts[0]) {
            case "plain" -> plain(depth, growthRate);
            case "b" -> b(depth, growthRate);
            case "c" -> c(depth, growthRate);
            default -> bc(depth, growthRate);
        };
    }

    /**
     * Starts a spec of one's own: BC settings, small stem, 10 classes, 32x32 RGB images.
     *
     * @return a builder with these settings
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * {@return the hyperparameters of a network that is a DenseNet}
     *
     * @param network a DenseNet's spec
     * @throws IllegalArgumentException when it is another one
     */
    public static DenseNetSpec of(NetworkSpec network) {
        if (Objects.requireNonNull(network, "network") instanceof DenseNetSpec spec) {
            return spec;
        }
        throw new IllegalArgumentException(
                "the network '"
                        + network.name()
                        + "' is no DenseNet, and this takes no others; use one, such as bc-100-12");
    }

    /** Starts from this spec. */
    @Override
    public Builder toBuilder() {
        Builder b = new Builder().common(this);
        b.growthRate = growthRate;
        b.growthDoubles = growthDoubles;
        b.layersPerBlock = layersPerBlock;
        b.initialChannels = initialChannels;
        b.bottleneckWidth = bottleneckWidth;
        b.compression = compression;
        b.dropout = dropout;
        b.stochasticDepth = stochasticDepth;
        b.stem = stem;
        return b;
    }

    // ---------------------------------------------------------------- fields

    /** The network: one matrix a dense block, whose layers read prefixes and append columns. */
    @Override
    Graph makeGraph() {
        return DenseNetGraph.of(this);
    }

    /** {@return channels that each dense layer adds, k; of the first block where it doubles} */
    public int growthRate() {
        return growthRate;
    }

    /** {@return whether the growth rate is twice as large in each block as in the one before} */
    public boolean growthDoubles() {
        return growthDoubles;
    }

    /** {@return dense layers of each block} */
    public List<Integer> layersPerBlock() {
        return layersPerBlock;
    }

    /** {@return channels behind the stem} */
    public int initialChannels() {
        return initialChannels;
    }

    /**
     * {@return output channels of the 1x1 convolution as a multiple of k: 4 in the paper, 0 for
     * none}
     */
    public int bottleneckWidth() {
        return bottleneckWidth;
    }

    /** {@return whether layers have a 1x1 convolution before the 3x3} */
    public boolean hasBottleneck() {
        return bottleneckWidth > 0;
    }

    /** {@return output channels of the 1x1 convolution in the first block, 0 for none} */
    public int bottleneckChannels() {
        return bottleneckWidth * growthRate;
    }

    /** {@return factor theta of the channels in a transition} */
    public double compression() {
        return compression;
    }

    /** {@return probability of dropping an element of a dense layer's output} */
    public double dropout() {
        return dropout;
    }

    /** {@return probability of dropping the last dense layer as a whole, 1 − p_L; 0 for none} */
    public double stochasticDepth() {
        return stochasticDepth;
    }

    /**
     * {@return probability that a dense layer is kept in a training step: {@code p_l = 1 − l/L·(1 −
     * p_L)}, the linear decay of stochastic depth (Huang et al. 2016, arXiv 1603.09382, section 3),
     * where l counts the dense layers of the whole network from 1 to L}
     *
     * @param block number of the block, from 1
     * @param layer number of the layer in its block, from 1
     * @throws IndexOutOfBoundsException when there is no such layer
     */
    public double survivalProbability(int block, int layer) {
        checkNumber("block", block, layersPerBlock.size());
        checkNumber("layer", layer, layersPerBlock.get(block - 1));
        if (stochasticDepth == 0) {
            return 1;
        }
        int before = layersPerBlock.subList(0, block - 1).stream().mapToInt(l -> l).sum();
        int all = layersPerBlock.stream().mapToInt(l -> l).sum();
        return 1 - (double) (before + layer) / all * stochasticDepth;
    }

    private static void checkNumber(String what, int number, int count) {
        if (number < 1 || number > count) {
            throw new IndexOutOfBoundsException(what + " = " + number + ": use 1 to " + count);
        }
    }

    /** {@return what comes before the first block} */
    public Stem stem() {
        return stem;
    }

    /** Layers with weights on the longest path, as the papers count them. */
    @Override
    public int depth() {
        int perLayer = hasBottleneck() ? 2 : 1;
        int layers = layersPerBlock.stream().mapToInt(Integer::intValue).sum();
        int stemLayers = stem.isDeep() ? 3 : 1;
        return stemLayers + layers * perLayer + layersPerBlock.size();
    }

    @Override
    List<Object> ownValues() {
        return List.of(
                growthRate,
                growthDoubles,
                layersPerBlock,
                initialChannels,
                bottleneckWidth,
                compression,
                dropout,
                stochasticDepth,
                stem);
    }

    @Override
    public String toString() {
        String blocks =
                layersPerBlock.stream().map(String::valueOf).collect(Collectors.joining(", "));
        return "DenseNet "
                + name()
                + " (k "
                + growthRate
                + (growthDoubles ? " doubling" : "")
                + ", blocks "
                + blocks
                + ", bottleneck "
                + (hasBottleneck() ? bottleneckWidth + "k" : "none")
                + ", compression "
                + compression
                + ", "
                + inputAndClasses()
                + ")";
    }

    /** Collects the fields; {@link #build} validates them. */
    public static final class Builder extends FamilyFields.Builder<Builder>
            implements FamilySpec.Builder {
        private int growthRate = 12;
        private boolean growthDoubles;
        private List<Integer> layersPerBlock = List.of(16, 16, 16);
        private int initialChannels = 24;
        private int bottleneckWidth = 4;
        private double compression = 0.5;
        private double dropout;
        private double stochasticDepth;
        private Stem stem = Stem.SMALL;

        private Builder() {
            super(10, 32, 1e-5);
        }

        @Override
        Builder self() {
            return this;
        }

        /**
         * Channels that each dense layer adds, k.
         *
         * @param k 1 or more
         * @return this
         */
        public Builder growthRate(int k) {
            growthRate = k;
            return this;
        }

        /**
         * Whether the growth rate doubles with each block, as images are halved: larger rates where
         * features are coarse, as CondenseNet has them (Huang et al. 2018, arXiv 1711.09224,
         * section 4.1).
         *
         * @param value false, as in DenseNets' paper, unless told
         * @return this
         */
        public Builder growthDoubles(boolean value) {
            growthDoubles = value;
            return this;
        }

        /**
         * A wider or narrower network with more or fewer layers: both together cost less than one
         * of them alone for the same compute (Tan and Le 2019, arXiv 1905.11946, section 3.3).
         *
         * @param width factor of growth rate and first channels
         * @param depth factor of the layers of each block
         * @return this
         */
        public Builder scaled(double width, double depth) {
            growthRate = Scale.of("width", width).count(growthRate);
            initialChannels = Scale.of("width", width).count(initialChannels);
            layersPerBlock = Scale.of("depth", depth).counts(layersPerBlock);
            return this;
        }

        /**
         * Dense layers of each block.
         *
         * @param layers 1 or more for each block
         * @return this
         */
        public Builder layersPerBlock(int... layers) {
            Objects.requireNonNull(layers, "layers");

            layersPerBlock = Arrays.stream(layers).boxed().toList();
            return this;
        }

        /**
         * Channels behind the stem.
         *
         * @param channels 1 or more
         * @return this
         */
        public Builder initialChannels(int channels) {
            initialChannels = channels;
            return this;
        }

        /**
         * Output channels of the 1x1 convolution as a multiple of k; 0 for no bottleneck.
         *
         * @param multiple 4 in the paper, 0 for plain layers
         * @return this
         */
        public Builder bottleneckWidth(int multiple) {
            bottleneckWidth = multiple;
            return this;
        }

        /**
         * Factor theta of the channels in a transition, above 0 and up to 1.
         *
         * @param theta above 0 and up to 1, which is none
         * @return this
         */
        public Builder compression(double theta) {
            compression = theta;
            return this;
        }

        /**
         * Probability of dropping an element of a dense layer's output.
         *
         * @param rate from 0, for none, to below 1
         * @return this
         */
        public Builder dropout(double rate) {
            dropout = rate;
            return this;
        }

        /**
         * Stochastic depth: probability of dropping the last dense layer as a whole in a step;
         * earlier layers are dropped less, see {@link DenseNetSpec#survivalProbability}.
         *
         * @param lastLayersRate from 0, for none, to below 1
         * @return this
         */
        public Builder stochasticDepth(double lastLayersRate) {
            stochasticDepth = lastLayersRate;
            return this;
        }

        /**
         * What comes before the first block.
         *
         * @param value for small images, or for ImageNet's
         * @return this
         */
        public Builder stem(Stem value) {
            Objects.requireNonNull(value, "stem");

            stem = value;
            return this;
        }

        /**
         * The finished spec.
         *
         * @throws IllegalArgumentException naming the field, its value and the fix
         */
        @Override
        public DenseNetSpec build() {
            return new DenseNetSpec(this);
        }
    }
}
