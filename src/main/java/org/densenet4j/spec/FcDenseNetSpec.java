package org.densenet4j.spec;

import static org.densenet4j.spec.FieldChecks.channels;
import static org.densenet4j.spec.FieldChecks.layers;
import static org.densenet4j.spec.FieldChecks.positive;
import static org.densenet4j.spec.FieldChecks.probability;
import static org.densenet4j.spec.FieldChecks.require;

import org.densenet4j.graph.Graph;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The hyperparameters of a fully convolutional DenseNet, which classifies every pixel (Jégou et al.
 * 2017, arXiv 1611.09326). Immutable and validated.
 *
 * <pre>{@code
 * FcDenseNetSpec spec = FcDenseNetSpec.fcDenseNet103().inputSize(360, 480).build();
 * }</pre>
 *
 * <p>Images may have any size that has pixels left when it is halved once a level, rounding down.
 */
public final class FcDenseNetSpec extends FamilyFields implements FamilySpec {
    static final String NAMES = "fc-densenet56/67/103, fc-densenet-LEVELS-LAYERS-K";

    /** Channels behind the first convolution of all of the paper's networks. */
    private static final int INITIAL_CHANNELS = 48;

    private static final String UNIFORM = "fc-densenet-\\d{1,2}-\\d{1,7}-\\d{1,7}";

    private static final List<Integer> FIVE_LEVELS_OF_5 = List.of(5, 5, 5, 5, 5);

    private final int growthRate;
    private final List<Integer> downLayers;
    private final int bottleneckLayers;
    private final List<Integer> upLayers;
    private final int initialChannels;
    private final double dropout;
    private final boolean evaluatesWithBatchStatistics;

    private FcDenseNetSpec(Builder b) {
        super(b);
        growthRate = positive("growthRate", b.growthRate);
        downLayers = b.downLayers;
        bottleneckLayers = positive("bottleneckLayers", b.bottleneckLayers);
        upLayers = b.upLayers;
        initialChannels = positive("initialChannels", b.initialChannels);
        dropout = b.dropout;
        evaluatesWithBatchStatistics = b.evaluatesWithBatchStatistics;
        require(
                !downLayers.isEmpty(),
                "downLayers is empty: give at least one block, such as downLayers(4, 4)");
        layers("downLayers", downLayers);
        layers("bottleneckLayers", List.of(bottleneckLayers));
        layers("upLayers", upLayers);
        require(
                upLayers.size() == downLayers.size(),
                "upLayers has "
                        + upLayers.size()
                        + " blocks, downLayers "
                        + downLayers.size()
                        + ": give as many, from the smallest images to the largest");
        probability("dropout", dropout);
        checkChannels();
        checkSizes();
    }

    private void checkChannels() {
        String mend = "fewer layers or a smaller growthRate";
        long down = initialChannels;
        for (int layers : downLayers) {
            down += (long) layers * growthRate;
        }
        channels("the bottleneck", down + (long) bottleneckLayers * growthRate, mend);
        int before = bottleneckLayers;
        for (int layers : upLayers) {
            // No skip connection has more channels than the bottleneck's input.
            channels("an up block", down + ((long) before + layers) * growthRate, mend);
            before = layers;
        }
    }

    private void checkSizes() {
        int least = Math.min(inputHeight(), inputWidth());
        require(
                downLayers.size() < Integer.SIZE && least >> downLayers.size() > 0,
                "inputSize = "
                        + inputHeight()
                        + "x"
                        + inputWidth()
                        + " is too small: halved "
                        + downLayers.size()
                        + " times, rounding down, it has no pixels; use larger images or fewer"
                        + " levels");
    }

    // ---------------------------------------------------------------- presets

    /** {@return FC-DenseNet56: five levels of 4 layers, k = 12; for CamVid's 11 classes} */
    public static Builder fcDenseNet56() {
        return uniform(5, 4, 12).name("fc-densenet56");
    }

    /** {@return FC-DenseNet67: five levels of 5 layers, k = 16; for CamVid's 11 classes} */
    public static Builder fcDenseNet67() {
        return builder().name("fc-densenet67");
    }

    /**
     * {@return FC-DenseNet103: 4, 5, 7, 10, 12 layers and back, k = 16; for CamVid's 11 classes}
     */
    public static Builder fcDenseNet103() {
        return builder()
                .name("fc-densenet103")
                .downLayers(4, 5, 7, 10, 12)
                .bottleneckLayers(15)
                .upLayers(12, 10, 7, 5, 4);
    }

    /**
     * {@return a network whose blocks all have so many layers, as those of FC-DenseNet56 ({@code
     * uniform(5, 4, 12)}) and FC-DenseNet67 ({@code uniform(5, 5, 16)}); with smaller growth rates
     * the first convolution is narrower, too} For CamVid's 11 classes.
     *
     * @param levels how often images are halved
     * @param layers dense layers of each block
     * @param growthRate channels that each of them adds, k
     */
    public static Builder uniform(int levels, int layers, int growthRate) {
        // No image can be halved more often: the builder says so of one level too many.
        int[] blocks = new int[Math.clamp(levels, 0, Integer.SIZE)];
        Arrays.fill(blocks, layers);
        return builder()
                .name("fc-densenet-" + levels + "-" + layers + "-" + growthRate)
                .growthRate(growthRate)
                .initialChannels((int) Math.min(INITIAL_CHANNELS, 4L * growthRate))
                .downLayers(blocks)
                .bottleneckLayers(layers)
                .upLayers(blocks);
    }

    /**
     * {@return a preset by name: {@code fc-densenet56}, {@code fc-densenet67}, {@code
     * fc-densenet103} or, for {@link #uniform}, {@code fc-densenet-LEVELS-LAYERS-K}}
     *
     * @param name such as {@code fc-densenet103} or {@code fc-densenet-3-3-8}
     * @throws IllegalArgumentException for any other name
     */
    public static Builder preset(String name) {
        return FieldChecks.known(named(name), name, NAMES);
    }

    /** The same; empty for any other name. */
    static Optional<Builder> named(String name) {
        Objects.requireNonNull(name, "name");
        String n = name.strip().toLowerCase(Locale.ROOT);
        return switch (n) {
            case "fc-densenet56" -> Optional.of(fcDenseNet56());
            case "fc-densenet67" -> Optional.of(fcDenseNet67());
            case "fc-densenet103" -> Optional.of(fcDenseNet103());
            default -> n.matches(UNIFORM) ? Optional.of(uniform(n)) : Optional.empty();
        };
    }

    private static Builder uniform(String name) {
        String[] parts = name.split("-", -1);
        return uniform(
                Integer.parseInt(parts[2]), Integer.parseInt(parts[3]), Integer.parseInt(parts[4]));
    }

    /**
     * Starts a spec of one's own: FC-DenseNet67's settings.
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
        b.growthRate = growthRate;
        b.downLayers = downLayers;
        b.bottleneckLayers = bottleneckLayers;
        b.upLayers = upLayers;
        b.initialChannels = initialChannels;
        b.dropout = dropout;
        b.evaluatesWithBatchStatistics = evaluatesWithBatchStatistics;
        return b;
    }

    // ---------------------------------------------------------------- fields

    /** The network: two matrices a level, and skip connections that are reads. */
    @Override
    Graph makeGraph() {
        return FcDenseNetGraph.of(this);
    }

    /** {@return channels that each dense layer adds, k} */
    public int growthRate() {
        return growthRate;
    }

    /**
     * {@return dense layers of each block on the way down, from the largest images to the smallest}
     */
    public List<Integer> downLayers() {
        return downLayers;
    }

    /** {@return dense layers of the block between the ways down and up} */
    public int bottleneckLayers() {
        return bottleneckLayers;
    }

    /**
     * {@return dense layers of each block on the way up, from the smallest images to the largest}
     */
    public List<Integer> upLayers() {
        return upLayers;
    }

    /** {@return channels behind the first convolution} */
    public int initialChannels() {
        return initialChannels;
    }

    /**
     * {@return probability of dropping an element behind a convolution, but for the first and the
     * last}
     */
    public double dropout() {
        return dropout;
    }

    /**
     * {@return whether evaluation normalises with the batch's own statistics, as the authors do}
     */
    public boolean evaluatesWithBatchStatistics() {
        return evaluatesWithBatchStatistics;
    }

    /** Convolutions, as the paper counts them for the names of its networks. */
    @Override
    public int depth() {
        int layers = bottleneckLayers;
        for (int level = 0; level < downLayers.size(); level++) {
            layers += downLayers.get(level) + upLayers.get(level);
        }
        return layers + 2 * downLayers.size() + 2;
    }

    @Override
    List<Object> ownValues() {
        return List.of(
                growthRate,
                downLayers,
                bottleneckLayers,
                upLayers,
                initialChannels,
                dropout,
                evaluatesWithBatchStatistics);
    }

    private static String text(List<Integer> blocks) {
        return blocks.stream().map(String::valueOf).collect(Collectors.joining(", "));
    }

    @Override
    public String toString() {
        return "FC-DenseNet "
                + name()
                + " (k "
                + growthRate
                + ", down "
                + text(downLayers)
                + ", bottleneck "
                + bottleneckLayers
                + ", up "
                + text(upLayers)
                + ", "
                + inputAndClasses()
                + ")";
    }

    /** Collects the fields; {@link #build} validates them. */
    public static final class Builder extends FamilyFields.Builder<Builder>
            implements FamilySpec.Builder {
        private int growthRate = 16;
        private List<Integer> downLayers = FIVE_LEVELS_OF_5;
        private int bottleneckLayers = 5;
        private List<Integer> upLayers = FIVE_LEVELS_OF_5;
        private int initialChannels = INITIAL_CHANNELS;
        private double dropout = 0.2;
        private boolean evaluatesWithBatchStatistics = true;

        private Builder() {
            super(11, 224, 1e-4);
        }

        @Override
        Builder self() {
            return this;
        }

        /**
         * A wider or narrower network with more or fewer layers; see {@link
         * DenseNetSpec.Builder#scaled}.
         *
         * @param width factor of growth rate and first channels
         * @param depth factor of the layers of each block
         * @return this
         */
        public Builder scaled(double width, double depth) {
            growthRate = Scale.of("width", width).count(growthRate);
            initialChannels = Scale.of("width", width).count(initialChannels);
            downLayers = Scale.of("depth", depth).counts(downLayers);
            bottleneckLayers = Scale.of("depth", depth).count(bottleneckLayers);
            upLayers = Scale.of("depth", depth).counts(upLayers);
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
         * Dense layers of each block down, from the largest images to the smallest.
         *
         * @param layers 1 or more for each block, from the largest images to the smallest
         * @return this
         */
        public Builder downLayers(int... layers) {
            Objects.requireNonNull(layers, "layers");
            downLayers = Arrays.stream(layers).boxed().toList();
            return this;
        }

        /**
         * Dense layers of the block between the ways down and up.
         *
         * @param layers 1 or more
         * @return this
         */
        public Builder bottleneckLayers(int layers) {
            bottleneckLayers = layers;
            return this;
        }

        /**
         * Dense layers of each block up, from the smallest images to the largest.
         *
         * @param layers 1 or more for each block, from the smallest images to the largest
         * @return this
         */
        public Builder upLayers(int... layers) {
            Objects.requireNonNull(layers, "layers");
            upLayers = Arrays.stream(layers).boxed().toList();
            return this;
        }

        /**
         * Channels behind the first convolution.
         *
         * @param channels 1 or more
         * @return this
         */
        public Builder initialChannels(int channels) {
            initialChannels = channels;
            return this;
        }

        /**
         * Probability of dropping an element behind a convolution.
         *
         * @param rate from 0, for none, to below 1
         * @return this
         */
        public Builder dropout(double rate) {
            dropout = rate;
            return this;
        }

        /**
         * Whether evaluation normalises with the statistics of the batch at hand, as the authors do
         * in validation and test, or with running statistics.
         *
         * @param on on unless told, as the authors evaluate
         * @return this
         */
        public Builder evaluatesWithBatchStatistics(boolean on) {
            evaluatesWithBatchStatistics = on;
            return this;
        }

        /**
         * The finished spec.
         *
         * @throws IllegalArgumentException naming the field, its value and the fix
         */
        @Override
        public FcDenseNetSpec build() {
            return new FcDenseNetSpec(this);
        }
    }
}
