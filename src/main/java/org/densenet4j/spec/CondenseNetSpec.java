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
 * The hyperparameters of a CondenseNet (Huang et al. 2018, arXiv 1711.09224): a DenseNet whose 1x1
 * convolutions become convolutions in groups while they are trained, whose 3x3 convolutions are in
 * groups, whose layers see those of the blocks before, and whose growth rate grows. Immutable and
 * validated.
 *
 * <pre>{@code
 * CondenseNetSpec spec = CondenseNetSpec.cifar(86).build();
 * CondenseNetSpec imageNet = CondenseNetSpec.imageNet74(4).build();
 * }</pre>
 */
public final class CondenseNetSpec extends FamilyFields implements FamilySpec {
    static final String NAMES =
            "condensenet-50/74/86/98/110/122/182, condensenet-imagenet-74-c4, -c8";

    /** The authors' network for CIFAR with a growth rate of its own, trained longer. */
    private static final int LARGEST_CIFAR = 182;

    private final List<Integer> layersPerBlock;
    private final List<Integer> growthRates;
    private final int initialChannels;
    private final int initialStride;
    private final int bottleneckWidth;
    private final int groups;
    private final int condensationFactor;

    private CondenseNetSpec(Builder b) {
        super(b);
        layersPerBlock = b.layersPerBlock;
        growthRates = b.growthRates;
        initialStride = positive("initialStride", b.initialStride);
        bottleneckWidth = positive("bottleneckWidth", b.bottleneckWidth);
        groups = positive("groups", b.groups);
        condensationFactor = positive("condensationFactor", b.condensationFactor);
        require(
                !layersPerBlock.isEmpty() && layersPerBlock.size() == growthRates.size(),
                "growthRates = "
                        + growthRates
                        + ": give one for each block of layersPerBlock = "
                        + layersPerBlock);
        layers("layersPerBlock", layersPerBlock);
        growthRates.forEach(k -> positive("growthRates", k));
        initialChannels =
                b.initialChannels == 0
                        ? 2 * growthRates.getFirst()
                        : positive("initialChannels", b.initialChannels);
        divides("initialChannels", initialChannels);
        growthRates.forEach(k -> divides("growthRates", k));
        long width = initialChannels;
        for (int block = 0; block < growthRates.size(); block++) {
            int k = growthRates.get(block);
            width += (long) layersPerBlock.get(block) * k;
            channels("block " + (block + 1), width, "fewer layers or smaller growthRates");
        }
    }

    /** Inputs of a layer are a sum of these, of which groups and stages take equal shares. */
    private void divides(String field, int value) {
        require(
                value % groups == 0 && value % condensationFactor == 0,
                field
                        + " has "
                        + value
                        + ": groups = "
                        + groups
                        + " and condensationFactor = "
                        + condensationFactor
                        + " have to divide it");
    }

    // ---------------------------------------------------------------- presets

    /**
     * {@return CondenseNet for small images: three blocks of (depth − 2)/6 layers, with growth
     * rates 8, 16 and 32, or 12, 24 and 48 for a depth of 182}
     *
     * @param depth layers with weights, 6n + 2: 50, 74, 86, 98, 110, 122 and 182 are the authors'
     */
    public static Builder cifar(int depth) {
        require(
                depth >= 8 && (depth - 2) % 6 == 0,
                "depth "
                        + depth
                        + " does not fit a CondenseNet for small images, whose depth is 6n + 2;"
                        + " the authors' are 50, 74, 86, 98, 110, 122 and 182");
        int layers = (depth - 2) / 6;
        Builder b = builder().name("condensenet-" + depth).layersPerBlock(layers, layers, layers);
        return depth == LARGEST_CIFAR ? b.growthRates(12, 24, 48) : b;
    }

    /**
     * {@return the authors' network for ImageNet, with 74 layers}
     *
     * @param groups of all convolutions, and the condensation factor: 4 or 8 in the paper
     */
    public static Builder imageNet74(int groups) {
        return builder()
                .name("condensenet-imagenet-74-c" + groups)
                .layersPerBlock(4, 6, 8, 10, 8)
                .growthRates(8, 16, 32, 64, 128)
                .initialStride(2)
                .groups(groups)
                .condensationFactor(groups)
                .classes(1000)
                .inputSize(224);
    }

    /**
     * {@return a preset by name: {@code condensenet-86}, {@code condensenet-imagenet-74-c4} and the
     * like}
     *
     * @param name such as {@code condensenet-86}
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
                    case "condensenet-imagenet-74-c4" -> imageNet74(4);
                    case "condensenet-imagenet-74-c8" -> imageNet74(8);
                    default ->
                            n.matches("condensenet-\\d{1,5}")
                                    ? cifar(Integer.parseInt(n.substring(n.indexOf('-') + 1)))
                                    : null;
                });
    }

    /**
     * Starts a spec of one's own: that of CondenseNet-50 for small images.
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
        b.layersPerBlock = layersPerBlock;
        b.growthRates = growthRates;
        b.initialChannels = initialChannels;
        b.initialStride = initialStride;
        b.bottleneckWidth = bottleneckWidth;
        b.groups = groups;
        b.condensationFactor = condensationFactor;
        return b;
    }

    // ---------------------------------------------------------------- fields

    /** The network: a matrix for each block, which begins with the pooled one before. */
    @Override
    Graph makeGraph() {
        return CondenseNetGraph.of(this);
    }

    /** {@return dense layers of each block} */
    public List<Integer> layersPerBlock() {
        return layersPerBlock;
    }

    /** {@return channels that a layer of each block appends} */
    public List<Integer> growthRates() {
        return growthRates;
    }

    /** {@return channels of the first convolution} */
    public int initialChannels() {
        return initialChannels;
    }

    /** {@return stride of the first convolution: 1 for small images, 2 for ImageNet} */
    public int initialStride() {
        return initialStride;
    }

    /** {@return channels between the convolutions of a layer as a multiple of its growth rate} */
    public int bottleneckWidth() {
        return bottleneckWidth;
    }

    /** {@return groups of all 3x3 convolutions, and those that 1x1 convolutions learn} */
    public int groups() {
        return groups;
    }

    /** {@return of the inputs of a 1x1 convolution's groups, one of so many is left in the end} */
    public int condensationFactor() {
        return condensationFactor;
    }

    @Override
    public int depth() {
        return 2 * layersPerBlock.stream().mapToInt(Integer::intValue).sum() + 2;
    }

    @Override
    List<Object> ownValues() {
        return List.of(
                layersPerBlock,
                growthRates,
                initialChannels,
                initialStride,
                bottleneckWidth,
                groups,
                condensationFactor);
    }

    @Override
    public String toString() {
        return "CondenseNet "
                + name()
                + " (k "
                + listed(growthRates)
                + ", blocks "
                + listed(layersPerBlock)
                + ", bottleneck "
                + bottleneckWidth
                + "k, "
                + groups
                + " groups, condensation "
                + condensationFactor
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
        private List<Integer> layersPerBlock = List.of(8, 8, 8);
        private List<Integer> growthRates = List.of(8, 16, 32);
        private int initialChannels;
        private int initialStride = 1;
        private int bottleneckWidth = 4;
        private int groups = 4;
        private int condensationFactor = 4;

        private Builder() {
            super(10, 32, 1e-5);
        }

        @Override
        Builder self() {
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
         * Channels that a layer appends.
         *
         * @param rates one for each block; the authors double them
         * @return this
         */
        public Builder growthRates(int... rates) {
            Objects.requireNonNull(rates, "rates");
            growthRates = Arrays.stream(rates).boxed().toList();
            return this;
        }

        /**
         * A wider or narrower network with more or fewer layers; see {@link
         * DenseNetSpec.Builder#scaled}. Channels stay such that groups and the condensation factor
         * divide them, so that these are to be set first.
         *
         * @param width factor of growth rates and first channels
         * @param depth factor of the layers of each block
         * @return this
         */
        public Builder scaled(double width, double depth) {
            Scale wider = Scale.of("width", width);
            int unit = commonMultiple(groups, condensationFactor);
            growthRates = growthRates.stream().map(k -> wider.count(k, unit)).toList();
            initialChannels = initialChannels == 0 ? 0 : wider.count(initialChannels, unit);
            layersPerBlock = Scale.of("depth", depth).counts(layersPerBlock);
            return this;
        }

        /** The least that both divide. */
        private static int commonMultiple(int a, int b) {
            int multiple = positive("groups", a);
            while (multiple % positive("condensationFactor", b) != 0) {
                multiple += a;
            }
            return multiple;
        }

        /**
         * Channels of the first convolution.
         *
         * @param channels 1 or more; 0, the default, for twice the first growth rate
         * @return this
         */
        public Builder initialChannels(int channels) {
            initialChannels = channels;
            return this;
        }

        /**
         * Stride of the first convolution.
         *
         * @param stride 1 for small images, 2 for ImageNet
         * @return this
         */
        public Builder initialStride(int stride) {
            initialStride = stride;
            return this;
        }

        /**
         * Channels between the convolutions of a layer.
         *
         * @param multiple of the growth rate
         * @return this
         */
        public Builder bottleneckWidth(int multiple) {
            bottleneckWidth = multiple;
            return this;
        }

        /**
         * Groups of all 3x3 convolutions, and those that 1x1 convolutions learn.
         *
         * @param count a divisor of all growth rates and of the first channels
         * @return this
         */
        public Builder groups(int count) {
            groups = count;
            return this;
        }

        /**
         * How much is taken away of the inputs of the 1x1 convolutions' groups.
         *
         * @param factor one of so many is left; 1 for none taken away
         * @return this
         */
        public Builder condensationFactor(int factor) {
            condensationFactor = factor;
            return this;
        }

        /**
         * The finished spec.
         *
         * @throws IllegalArgumentException naming the field, its value and the fix
         */
        @Override
        public CondenseNetSpec build() {
            return new CondenseNetSpec(this);
        }
    }
}
