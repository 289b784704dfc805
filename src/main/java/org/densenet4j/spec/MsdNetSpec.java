package org.densenet4j.spec;

import static org.densenet4j.spec.FieldChecks.channels;
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
 * The hyperparameters of an MSDNet (Huang et al. 2018, arXiv 1703.09844): a densely connected
 * network of several scales, whose coarsest has a classifier after every few layers, so that easy
 * images may leave early. Immutable and validated.
 *
 * <pre>{@code
 * MsdNetSpec spec = MsdNetSpec.cifar100Anytime().build();
 * MsdNetSpec imageNet = MsdNetSpec.imageNet(7).build();
 * }</pre>
 */
public final class MsdNetSpec extends FamilyFields implements FamilySpec {
    static final String NAMES = "msdnet-imagenet-4/7, msdnet-cifar100-anytime/budgeted";

    private static final int MOST_SCALES = 16;

    /** Which layers write fewer scales than the one before. */
    public enum Dropping {
        /**
         * The finest scale goes after each of as many equal parts of the network as there are
         * scales, and the other scales are reduced there: the authors' "max".
         */
        EVENLY,
        /**
         * The last layers write one scale less each, and all scales are reduced after a third and
         * two thirds of the layers: the authors' "min".
         */
        AT_THE_END
    }

    private final List<Integer> layersPerExit;
    private final List<Integer> growthFactors;
    private final List<Integer> bottleneckFactors;
    private final int growthRate;
    private final int initialChannels;
    private final int exitChannels;
    private final double reduction;
    private final Dropping dropping;
    private final Stem stem;
    private final MsdNetLayers layers;

    private MsdNetSpec(Builder b) {
        super(b);
        layersPerExit = b.layersPerExit;
        growthFactors = b.growthFactors;
        bottleneckFactors = b.bottleneckFactors;
        growthRate = positive("growthRate", b.growthRate);
        initialChannels = positive("initialChannels", b.initialChannels);
        exitChannels = b.exitChannels == 0 ? 0 : positive("exitChannels", b.exitChannels);
        reduction = b.reduction;
        dropping = b.dropping;
        stem = b.stem;
        require(!layersPerExit.isEmpty(), "layersPerExit is empty: give one number for each exit");
        FieldChecks.layers("layersPerExit", layersPerExit);
        require(
                !growthFactors.isEmpty() && growthFactors.size() <= MOST_SCALES,
                "growthFactors = " + growthFactors + ": give one for each of 1 to 16 scales");
        require(
                growthFactors.size() == bottleneckFactors.size(),
                "bottleneckFactors = "
                        + bottleneckFactors
                        + ": give one for each scale, as growthFactors = "
                        + growthFactors);
        growthFactors.forEach(f -> positive("growthFactors", f));
        bottleneckFactors.forEach(f -> positive("bottleneckFactors", f));
        require(
                reduction > 0 && reduction <= 1,
                "reduction = " + reduction + ": use a number above 0 and up to 1");
        require(
                stem == Stem.SMALL || stem == Stem.IMAGENET,
                "stem = " + stem + ": MSDNets have SMALL or IMAGENET");
        checkChannels();
        layers = new MsdNetLayers(this);
        require(
                layers.finest(layers.count()) == scales() - 1,
                layers.count()
                        + " layers leave more than one of "
                        + scales()
                        + " scales, whose last features nobody would read: use more layers or fewer"
                        + " scales");
        for (int l = 1; l <= layers.count(); l++) {
            require(
                    layers.channels(0, l) > 0,
                    "reduction = " + reduction + " leaves no channels: use a larger one");
        }
    }

    private void checkChannels() {
        long all = layersPerExit.stream().mapToLong(Integer::longValue).sum();
        for (int s = 0; s < scales(); s++) {
            long width = (initialChannels + all * growthRate) * growthFactors.get(s);
            channels("scale " + (s + 1), width, "fewer layers or a smaller growthRate");
            require(
                    s == 0 || (long) growthRate * growthFactors.get(s) % 2 == 0,
                    "growthRate = "
                            + growthRate
                            + " of scale "
                            + (s + 1)
                            + ": half of what a layer adds comes from the finer scale, so "
                            + growthRate
                            + "·"
                            + growthFactors.get(s)
                            + " has to be even");
        }
    }

    // ---------------------------------------------------------------- presets

    /**
     * {@return the network for ImageNet with five exits, one after every so many layers}
     *
     * @param step layers of each exit; the authors' are 4, 6 and 7
     */
    public static Builder imageNet(int step) {
        positive("step", step);
        return builder()
                .name("msdnet-imagenet-" + step)
                .layersPerExit(step, step, step, step, step)
                .growthFactors(1, 2, 4, 4)
                .bottleneckFactors(1, 2, 4, 4)
                .growthRate(16)
                .initialChannels(32)
                .exitChannels(0)
                .stem(Stem.IMAGENET)
                .classes(1000)
                .inputSize(224);
    }

    /** {@return the network for CIFAR-100 with seven exits: after four layers, then every two} */
    public static Builder cifar100Anytime() {
        return builder().name("msdnet-cifar100-anytime").layersPerExit(4, 2, 2, 2, 2, 2, 2);
    }

    /** {@return the network for CIFAR-100 with five exits, one layer more between each} */
    public static Builder cifar100Budgeted() {
        return builder().name("msdnet-cifar100-budgeted").layersPerExit(1, 2, 3, 4, 5);
    }

    /**
     * {@return a preset by name: {@code msdnet-imagenet-7}, {@code msdnet-cifar100-anytime} and the
     * like}
     *
     * @param name such as {@code msdnet-imagenet-7}
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
                    case "msdnet-cifar100-anytime" -> cifar100Anytime();
                    case "msdnet-cifar100-budgeted" -> cifar100Budgeted();
                    default ->
                            n.matches("msdnet-imagenet-[1-9]\\d?")
                                    ? imageNet(
                                            Integer.parseInt(n.substring(n.lastIndexOf('-') + 1)))
                                    : null;
                });
    }

    /**
     * Starts a spec of one's own: that of small images with three scales.
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
        b.layersPerExit = layersPerExit;
        b.growthFactors = growthFactors;
        b.bottleneckFactors = bottleneckFactors;
        b.growthRate = growthRate;
        b.initialChannels = initialChannels;
        b.exitChannels = exitChannels;
        b.reduction = reduction;
        b.dropping = dropping;
        b.stem = stem;
        return b;
    }

    // ---------------------------------------------------------------- fields

    /** The network: for each scale a matrix from one reduction to the next. */
    @Override
    Graph makeGraph() {
        return MsdNetGraph.of(this);
    }

    /** Which scales its layers write. */
    MsdNetLayers layers() {
        return layers;
    }

    /** {@return exits, each of which classifies} */
    public int exits() {
        return layersPerExit.size();
    }

    /** {@return scales, each half as high and wide as the one before} */
    public int scales() {
        return growthFactors.size();
    }

    /** {@return layers before each exit, behind the one before} */
    public List<Integer> layersPerExit() {
        return layersPerExit;
    }

    /** {@return by what growth and first channels of each scale are multiplied} */
    public List<Integer> growthFactors() {
        return growthFactors;
    }

    /** {@return width of bottlenecks that read each scale as a multiple of their outputs} */
    public List<Integer> bottleneckFactors() {
        return bottleneckFactors;
    }

    /** {@return channels that a layer appends to the finest scale if its factor is 1} */
    public int growthRate() {
        return growthRate;
    }

    /** {@return channels of the first layer likewise} */
    public int initialChannels() {
        return initialChannels;
    }

    /** {@return channels of the convolutions before a classifier; 0: those of its scale} */
    public int exitChannels() {
        return exitChannels;
    }

    /** {@return share of the channels that is left where scales are reduced} */
    public double reduction() {
        return reduction;
    }

    /** {@return which layers write fewer scales} */
    public Dropping dropping() {
        return dropping;
    }

    /** {@return the first convolution: 3x3, or 7x7 with stride 2 and a pool} */
    public Stem stem() {
        return stem;
    }

    /** Two for each layer, one each for the first layer and reductions, three for the exit. */
    @Override
    public int depth() {
        int reductions = 0;
        for (int l = 1; l <= layers.count(); l++) {
            reductions += layers.reducesBehind(l) ? 1 : 0;
        }
        return scales() + 2 * layers.count() + reductions + 3;
    }

    @Override
    List<Object> ownValues() {
        return List.of(
                layersPerExit,
                growthFactors,
                bottleneckFactors,
                growthRate,
                initialChannels,
                exitChannels,
                reduction,
                dropping,
                stem);
    }

    @Override
    public String toString() {
        return "MSDNet "
                + name()
                + " (k "
                + growthRate
                + ", scales "
                + listed(growthFactors)
                + ", layers "
                + listed(layersPerExit)
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
        private List<Integer> layersPerExit = List.of(4, 2, 2, 2, 2, 2, 2);
        private List<Integer> growthFactors = List.of(1, 2, 4);
        private List<Integer> bottleneckFactors = List.of(1, 2, 4);
        private int growthRate = 6;
        private int initialChannels = 16;
        private int exitChannels = 128;
        private double reduction = 0.5;
        private Dropping dropping = Dropping.EVENLY;
        private Stem stem = Stem.SMALL;

        private Builder() {
            super(100, 32, 1e-5);
        }

        @Override
        Builder self() {
            return this;
        }

        private static List<Integer> list(String what, int[] numbers) {
            Objects.requireNonNull(numbers, what);
            return Arrays.stream(numbers).boxed().toList();
        }

        /**
         * Layers before each exit, behind the one before.
         *
         * @param layers 1 or more for each exit
         * @return this
         */
        public Builder layersPerExit(int... layers) {
            layersPerExit = list("layers", layers);
            return this;
        }

        /**
         * By what growth and first channels of each scale are multiplied.
         *
         * @param factors one for each scale, the finest first
         * @return this
         */
        public Builder growthFactors(int... factors) {
            growthFactors = list("factors", factors);
            return this;
        }

        /**
         * Width of the bottlenecks that read each scale as a multiple of their outputs.
         *
         * @param factors one for each scale
         * @return this
         */
        public Builder bottleneckFactors(int... factors) {
            bottleneckFactors = list("factors", factors);
            return this;
        }

        /**
         * Channels that a layer appends to the finest scale if its factor is 1.
         *
         * @param channels 1 or more
         * @return this
         */
        public Builder growthRate(int channels) {
            growthRate = channels;
            return this;
        }

        /**
         * Channels of the first layer likewise.
         *
         * @param channels 1 or more
         * @return this
         */
        public Builder initialChannels(int channels) {
            initialChannels = channels;
            return this;
        }

        /**
         * Channels of the two convolutions before each classifier.
         *
         * @param channels 1 or more, 128 for small images; 0 for those of the coarsest scale
         * @return this
         */
        public Builder exitChannels(int channels) {
            exitChannels = channels;
            return this;
        }

        /**
         * Share of the channels that is left where scales are reduced.
         *
         * @param share above 0 and up to 1
         * @return this
         */
        public Builder reduction(double share) {
            reduction = share;
            return this;
        }

        /**
         * Which layers write fewer scales.
         *
         * @param value as the authors' "max" or "min"
         * @return this
         */
        public Builder dropping(Dropping value) {
            dropping = Objects.requireNonNull(value, "dropping");
            return this;
        }

        /**
         * The first convolution.
         *
         * @param value small or for ImageNet
         * @return this
         */
        public Builder stem(Stem value) {
            stem = Objects.requireNonNull(value, "stem");
            return this;
        }

        /**
         * The finished spec.
         *
         * @throws IllegalArgumentException naming the field, its value and the fix
         */
        @Override
        public MsdNetSpec build() {
            return new MsdNetSpec(this);
        }
    }
}
