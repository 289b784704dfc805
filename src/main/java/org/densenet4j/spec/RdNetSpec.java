package org.densenet4j.spec;

import static org.densenet4j.spec.FieldChecks.channels;
import static org.densenet4j.spec.FieldChecks.layers;
import static org.densenet4j.spec.FieldChecks.positive;
import static org.densenet4j.spec.FieldChecks.require;

import org.densenet4j.graph.Graph;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The hyperparameters of an RDNet (Kim et al. 2024, arXiv 2403.19588), the "revitalized" DenseNet:
 * a stem of patches, and stages of dense layers with a depthwise convolution, layer normalisation,
 * GELU, a gate in later stages and a scale. Immutable and validated.
 *
 * <p>{@code bnEpsilon} is that of the layer normalisations, 1e-6 as in timm; there are no running
 * statistics, so that {@code bnMomentum} means nothing.
 *
 * <pre>{@code
 * RdNetSpec spec = RdNetSpec.tiny().classes(10).stochasticDepth(0.15).build();
 * }</pre>
 */
public final class RdNetSpec extends FamilyFields implements FamilySpec {
    static final String NAMES = "rdnet-t/s/b/l, rdnet-l-384";

    private static final int STAGES = 7;

    /** timm's and the authors': channels are multiples of it. */
    private static final int MULTIPLE = 8;

    private final List<Integer> growthRates;
    private final List<Integer> layersPerStage;
    private final List<Integer> halvingStages;
    private final int gatedFrom;
    private final int initialChannels;
    private final int patch;
    private final int kernel;
    private final int expansion;
    private final double stochasticDepth;

    private RdNetSpec(Builder b) {
        super(b);
        growthRates = b.growthRates;
        layersPerStage =
                b.layersPerStage.isEmpty()
                        ? growthRates.stream().map(_ -> 3).toList()
                        : b.layersPerStage;
        halvingStages = b.halvingStages;
        gatedFrom = positive("gatedFrom", b.gatedFrom);
        initialChannels = positive("initialChannels", b.initialChannels);
        patch = positive("patch", b.patch);
        kernel = positive("kernel", b.kernel);
        expansion = positive("expansion", b.expansion);
        stochasticDepth = b.stochasticDepth;
        require(!growthRates.isEmpty(), "growthRates: give one for each stage");
        require(
                layersPerStage.size() == growthRates.size(),
                "layersPerStage = "
                        + layersPerStage
                        + ": give one for each of growthRates = "
                        + growthRates);
        layers("layersPerStage", layersPerStage);
        growthRates.forEach(k -> positive("growthRates", k));
        require(kernel % 2 == 1, "kernel = " + kernel + ": use an odd size");
        require(
                stochasticDepth >= 0 && stochasticDepth < 1,
                "stochasticDepth = " + stochasticDepth + ": use 0 to below 1");
        for (int stage : halvingStages) {
            require(
                    stage >= 2 && stage <= growthRates.size(),
                    "halvingStages has "
                            + stage
                            + ": use 2 to "
                            + growthRates.size()
                            + ", the stages behind the first");
        }
        checkStages();
    }

    private void checkStages() {
        int height = inputHeight() / patch;
        int width = inputWidth() / patch;
        for (int stage = 1; stage <= growthRates.size(); stage++) {
            String where = "stage " + stage;
            if (halvingStages.contains(stage)) {
                height /= 2;
                width /= 2;
            }
            require(
                    height > 0 && width > 0,
                    "inputSize = "
                            + inputHeight()
                            + "x"
                            + inputWidth()
                            + " is too small: "
                            + where
                            + " would have no pixels");
            require(
                    entering(stage) > 0,
                    where + " would have no channels; use more initialChannels or growthRates");
            long last = entering(stage) + growth(stage);
            channels(where, last, "fewer layers or smaller growthRates");
            channels("the middle of " + where, expansion * last, "a smaller expansion");
            require(
                    middle(entering(stage)) > 0,
                    where + " would have a middle without channels; use more initialChannels");
        }
    }

    private long growth(int stage) {
        return (long) layersPerStage.get(stage - 1) * growthRates.get(stage - 1);
    }

    /** Channels that a stage begins with, counted from 1: half of those before it. */
    long entering(int stage) {
        long channels = initialChannels;
        for (int s = 1; s < stage; s++) {
            channels = (channels + growth(s)) / 2 / MULTIPLE * MULTIPLE;
        }
        return channels;
    }

    /** Channels in the middle of a layer that reads so many. */
    int middle(long prefix) {
        return Math.toIntExact(prefix * expansion / MULTIPLE * MULTIPLE);
    }

    // ---------------------------------------------------------------- presets

    private static Builder preset(String name, int channels, int... growthRates) {
        return builder().name(name).initialChannels(channels).growthRates(growthRates);
    }

    /** {@return RDNet-T: 23.9 million parameters} */
    public static Builder tiny() {
        return preset("rdnet-t", 64, 64, 104, 128, 128, 128, 128, 224).halvingStages(2, 3, 7);
    }

    /** {@return RDNet-S: 50.4 million parameters} */
    public static Builder small() {
        return preset("rdnet-s", 72, 64, 128, 128, 128, 128, 128, 128, 128, 128, 240, 240)
                .halvingStages(2, 3, 10);
    }

    /** {@return RDNet-B: 87.5 million parameters} */
    public static Builder base() {
        return preset("rdnet-b", 120, 96, 128, 168, 168, 168, 168, 168, 168, 168, 336, 336)
                .halvingStages(2, 3, 10);
    }

    /** {@return RDNet-L: 186.3 million parameters} */
    public static Builder large() {
        return preset("rdnet-l", 144, 128, 192, 256, 256, 256, 256, 256, 256, 256, 256, 360, 360)
                .halvingStages(2, 3, 11);
    }

    /**
     * {@return a preset by name: {@code rdnet-t} and the like, also as timm writes it ({@code
     * rdnet_tiny}), and {@code rdnet-l-384} for larger images}
     *
     * @param name such as {@code rdnet-t}
     * @throws IllegalArgumentException for any other name
     */
    public static Builder preset(String name) {
        return FieldChecks.known(named(name), name, NAMES);
    }

    /** The same; empty for any other name. */
    static Optional<Builder> named(String name) {
        Objects.requireNonNull(name, "name");
        return Optional.ofNullable(
                switch (name.strip().toLowerCase(Locale.ROOT)) {
                    case "rdnet-t", "rdnet_tiny" -> tiny();
                    case "rdnet-s", "rdnet_small" -> small();
                    case "rdnet-b", "rdnet_base" -> base();
                    case "rdnet-l", "rdnet_large" -> large();
                    case "rdnet-l-384" -> large().name("rdnet-l-384").inputSize(384);
                    default -> null;
                });
    }

    /**
     * Starts a spec of one's own: that of RDNet-T.
     *
     * @return a builder with these settings
     */
    public static Builder builder() {
        return new Builder();
    }

    /** Starts from this spec. */
    @Override
    public Builder toBuilder() {
        Builder b = new Builder().common(this);
        b.growthRates = growthRates;
        b.layersPerStage = layersPerStage;
        b.halvingStages = halvingStages;
        b.gatedFrom = gatedFrom;
        b.initialChannels = initialChannels;
        b.patch = patch;
        b.kernel = kernel;
        b.expansion = expansion;
        b.stochasticDepth = stochasticDepth;
        return b;
    }

    // ---------------------------------------------------------------- fields

    /** The network: a matrix for each stage. */
    @Override
    Graph makeGraph() {
        return RdNetGraph.of(this);
    }

    /** {@return channels that a layer of each stage appends} */
    public List<Integer> growthRates() {
        return growthRates;
    }

    /** {@return dense layers of each stage} */
    public List<Integer> layersPerStage() {
        return layersPerStage;
    }

    /** {@return the stages, counted from 1, that begin with half the height and width} */
    public List<Integer> halvingStages() {
        return halvingStages;
    }

    /** {@return the first stage, counted from 1, whose layers have gates} */
    public int gatedFrom() {
        return gatedFrom;
    }

    /** {@return channels of the stem} */
    public int initialChannels() {
        return initialChannels;
    }

    /** {@return height and width of the stem's patches} */
    public int patch() {
        return patch;
    }

    /** {@return height and width of the depthwise kernels} */
    public int kernel() {
        return kernel;
    }

    /** {@return channels in the middle of a layer as a multiple of those that it reads} */
    public int expansion() {
        return expansion;
    }

    /**
     * {@return probability that the last layer is dropped for an image (drop path); that of the
     * first is 0, between them it is linear}
     */
    public double stochasticDepth() {
        return stochasticDepth;
    }

    /** Three convolutions a layer, transitions, stem and classifier. */
    @Override
    public int depth() {
        int layers = layersPerStage.stream().mapToInt(Integer::intValue).sum();
        return 3 * layers + layersPerStage.size() + 1;
    }

    @Override
    List<Object> ownValues() {
        return List.of(
                growthRates,
                layersPerStage,
                halvingStages,
                gatedFrom,
                initialChannels,
                patch,
                kernel,
                expansion,
                stochasticDepth);
    }

    @Override
    public String toString() {
        return "RDNet "
                + name()
                + " (k "
                + listed(growthRates)
                + ", stages "
                + listed(layersPerStage)
                + ", halved at "
                + listed(halvingStages)
                + ", gates from "
                + gatedFrom
                + ", stem "
                + initialChannels
                + ", "
                + inputAndClasses()
                + ")";
    }

    private static String listed(List<Integer> numbers) {
        return numbers.stream().map(String::valueOf).collect(Collectors.joining(", "));
    }

    /** Collects the fields; {@link #build} validates them. */
    public static final class Builder extends FamilyFields.Builder<Builder>
            implements FamilySpec.Builder {
        private List<Integer> growthRates = List.of(64, 104, 128, 128, 128, 128, 224);
        private List<Integer> layersPerStage = List.of();
        private List<Integer> halvingStages = List.of(2, 3, STAGES);
        private int gatedFrom = 3;
        private int initialChannels = 64;
        private int patch = 4;
        private int kernel = 7;
        private int expansion = 4;
        private double stochasticDepth;

        private Builder() {
            super(1000, 224, 1e-6);
        }

        @Override
        Builder self() {
            return this;
        }

        private static List<Integer> copy(int... values) {
            return Arrays.stream(values).boxed().toList();
        }

        /**
         * Channels that a layer appends.
         *
         * @param rates one for each stage
         * @return this
         */
        public Builder growthRates(int... rates) {
            growthRates = copy(Objects.requireNonNull(rates, "rates"));
            return this;
        }

        /**
         * Dense layers of each stage.
         *
         * @param layers 1 or more for each stage; none, the default, for three each
         * @return this
         */
        public Builder layersPerStage(int... layers) {
            layersPerStage = copy(Objects.requireNonNull(layers, "layers"));
            return this;
        }

        /**
         * Stages that begin with half the height and width.
         *
         * @param stages counted from 1; others begin with a 1x1 convolution
         * @return this
         */
        public Builder halvingStages(int... stages) {
            halvingStages = copy(Objects.requireNonNull(stages, "stages"));
            return this;
        }

        /**
         * The first stage whose layers have gates (effective squeeze-excitation).
         *
         * @param stage counted from 1; more than there are for none
         * @return this
         */
        public Builder gatedFrom(int stage) {
            gatedFrom = stage;
            return this;
        }

        /**
         * Channels of the stem.
         *
         * @param channels 1 or more
         * @return this
         */
        public Builder initialChannels(int channels) {
            initialChannels = channels;
            return this;
        }

        /**
         * Height and width of the stem's patches.
         *
         * @param pixels 4 in the paper
         * @return this
         */
        public Builder patch(int pixels) {
            patch = pixels;
            return this;
        }

        /**
         * Height and width of the depthwise kernels.
         *
         * @param pixels odd, 7 in the paper
         * @return this
         */
        public Builder kernel(int pixels) {
            kernel = pixels;
            return this;
        }

        /**
         * Channels in the middle of a layer.
         *
         * @param multiple of those that the layer reads, 4 in the paper
         * @return this
         */
        public Builder expansion(int multiple) {
            expansion = multiple;
            return this;
        }

        /**
         * Drop path.
         *
         * @param rate probability that the last layer is dropped for an image, 0 for none
         * @return this
         */
        public Builder stochasticDepth(double rate) {
            stochasticDepth = rate;
            return this;
        }

        /**
         * The finished spec.
         *
         * @throws IllegalArgumentException naming the field, its value and the fix
         */
        @Override
        public RdNetSpec build() {
            return new RdNetSpec(this);
        }
    }
}
