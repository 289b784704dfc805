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
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The hyperparameters of a ResNet (He et al. 2016, arXiv 1512.03385), also with pre-activation (He
 * et al. 2016, arXiv 1603.05027). Immutable and validated.
 *
 * <pre>{@code
 * ResNetSpec spec = ResNetSpec.resnet50().build();
 * ResNetSpec small = ResNetSpec.cifar(56).build();
 * }</pre>
 */
public final class ResNetSpec extends FamilyFields implements FamilySpec {
    static final String NAMES = "resnet18/34/50/101/152, cifar-resnet-DEPTH, cifar-preresnet-DEPTH";

    /** Of depths that both units fit, these and deeper ones have bottlenecks, as the paper's. */
    private static final int BOTTLENECKS_FROM = 164;

    /** The branch of a residual unit. */
    public enum Unit {
        /** Two 3x3 convolutions. */
        BASIC,
        /** 1x1, 3x3 and 1x1 convolutions; the last has four times the channels of the others. */
        BOTTLENECK;

        /** Convolutions of the branch. */
        int convolutions() {
            return this == BASIC ? 2 : 3;
        }

        /** Channels of the sum as a multiple of those in between. */
        int expansion() {
            return this == BASIC ? 1 : 4;
        }
    }

    /** What goes past a unit whose sum has another size or more channels than what it reads. */
    public enum Shortcut {
        /** Every second pixel of every second row, zero in additional channels: option A. */
        SUBSAMPLED,
        /** A 1x1 convolution, batch-normalised unless the unit is pre-activated: option B. */
        PROJECTED
    }

    private final Unit unit;
    private final boolean preActivation;
    private final Shortcut shortcut;
    private final Stem stem;
    private final List<Integer> unitsPerStage;
    private final int initialChannels;

    private ResNetSpec(Builder b) {
        super(b);
        unit = b.unit;
        preActivation = b.preActivation;
        shortcut = b.shortcut;
        stem = b.stem;
        unitsPerStage = b.unitsPerStage;
        initialChannels = positive("initialChannels", b.initialChannels);
        require(
                !unitsPerStage.isEmpty(),
                "unitsPerStage is empty: give at least one stage, such as unitsPerStage(2, 2)");
        layers("unitsPerStage", unitsPerStage);
        require(!stem.isDeep(), "stem = " + stem + ": use SMALL or IMAGENET for a ResNet");
        long width = initialChannels;
        for (int stage = 1; stage <= unitsPerStage.size(); stage++) {
            String mend = "fewer stages or fewer initialChannels";
            channels("stage " + stage, width * unit.expansion(), mend);
            width *= 2;
        }
    }

    // ---------------------------------------------------------------- presets

    /** {@return ResNet-18 for ImageNet} */
    public static Builder resnet18() {
        return imageNet("resnet18", Unit.BASIC, 2, 2, 2, 2);
    }

    /** {@return ResNet-34 for ImageNet} */
    public static Builder resnet34() {
        return imageNet("resnet34", Unit.BASIC, 3, 4, 6, 3);
    }

    /**
     * {@return ResNet-50 for ImageNet, with the stride in the 3x3 convolutions as torchvision has
     * it}
     */
    public static Builder resnet50() {
        return imageNet("resnet50", Unit.BOTTLENECK, 3, 4, 6, 3);
    }

    /** {@return ResNet-101 for ImageNet, with the stride in the 3x3 convolutions} */
    public static Builder resnet101() {
        return imageNet("resnet101", Unit.BOTTLENECK, 3, 4, 23, 3);
    }

    /** {@return ResNet-152 for ImageNet, with the stride in the 3x3 convolutions} */
    public static Builder resnet152() {
        return imageNet("resnet152", Unit.BOTTLENECK, 3, 8, 36, 3);
    }

    private static Builder imageNet(String name, Unit unit, int... units) {
        return builder()
                .name(name)
                .unit(unit)
                .shortcut(Shortcut.PROJECTED)
                .stem(Stem.IMAGENET)
                .unitsPerStage(units)
                .initialChannels(64)
                .classes(1000)
                .inputSize(224);
    }

    /**
     * {@return ResNet for small images: depth 6n + 2, three stages of n basic units, 16 to 64
     * channels}
     *
     * @param depth layers with weights, 6n + 2; what does not fit is refused with the nearest that
     *     do
     */
    public static Builder cifar(int depth) {
        checkDepth("a CIFAR ResNet, whose depth is 6n + 2", depth, d -> fits(d, Unit.BASIC));
        return small("cifar-resnet-", depth, Unit.BASIC);
    }

    /**
     * {@return pre-activated ResNet for small images, of basic units with depth 6n + 2 or of
     * bottlenecks with depth 9n + 2} Of the depths that both fit (20, 38, ..., 110, 128, ...) those
     * below 164 have basic units and the others bottlenecks, as the paper's 110 and 164.
     *
     * @param depth layers with weights, 6n + 2; what does not fit is refused with the nearest that
     *     do
     */
    public static Builder cifarPreActivation(int depth) {
        checkDepth(
                "a pre-activated CIFAR ResNet, whose depth is 6n + 2 or 9n + 2",
                depth,
                d -> fits(d, Unit.BASIC) || fits(d, Unit.BOTTLENECK));
        boolean both = fits(depth, Unit.BASIC) && fits(depth, Unit.BOTTLENECK);
        boolean basic = both ? depth < BOTTLENECKS_FROM : fits(depth, Unit.BASIC);
        Unit unit = basic ? Unit.BASIC : Unit.BOTTLENECK;
        return small("cifar-preresnet-", depth, unit)
                .preActivation(true)
                .shortcut(basic ? Shortcut.SUBSAMPLED : Shortcut.PROJECTED);
    }

    private static boolean fits(int depth, Unit unit) {
        int perUnit = 3 * unit.convolutions();
        return depth > 2 && (depth - 2) % perUnit == 0;
    }

    private static void checkDepth(String network, int depth, IntPredicate fits) {
        if (fits.test(depth)) {
            return;
        }
        int around = Math.clamp(depth, 8, FieldChecks.LARGEST);
        int above = IntStream.iterate(around, d -> d + 1).filter(fits).findFirst().getAsInt();
        int below = IntStream.iterate(around, d -> d - 1).filter(fits).findFirst().getAsInt();
        throw new IllegalArgumentException(
                "depth "
                        + depth
                        + " does not fit "
                        + network
                        + (depth < 8
                                ? "; the smallest is 8"
                                : "; the nearest are " + below + " and " + above));
    }

    private static Builder small(String kind, int depth, Unit unit) {
        int units = (depth - 2) / (3 * unit.convolutions());
        return builder().name(kind + depth).unit(unit).unitsPerStage(units, units, units);
    }

    /**
     * {@return a preset by name: {@code resnet18}, {@code resnet34}, {@code resnet50}, {@code
     * resnet101}, {@code resnet152}, {@code cifar-resnet-56}, {@code cifar-preresnet-164} and the
     * like}
     *
     * @param name such as {@code resnet50} or {@code cifar-resnet-20}
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
                    case "resnet18" -> resnet18();
                    case "resnet34" -> resnet34();
                    case "resnet50" -> resnet50();
                    case "resnet101" -> resnet101();
                    case "resnet152" -> resnet152();
                    default -> n.matches("cifar-(pre)?resnet-\\d{1,7}") ? small(n) : null;
                });
    }

    private static Builder small(String name) {
        int depth = Integer.parseInt(name.substring(name.lastIndexOf('-') + 1));
        return name.startsWith("cifar-pre") ? cifarPreActivation(depth) : cifar(depth);
    }

    /**
     * Starts a spec of one's own: that of the CIFAR ResNet with 20 layers.
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
        b.unit = unit;
        b.preActivation = preActivation;
        b.shortcut = shortcut;
        b.stem = stem;
        b.unitsPerStage = unitsPerStage;
        b.initialChannels = initialChannels;
        return b;
    }

    // ---------------------------------------------------------------- fields

    /** The network: every convolution's output and every sum is a matrix. */
    @Override
    Graph makeGraph() {
        return ResNetGraph.of(this);
    }

    /** {@return the branch of a residual unit} */
    public Unit unit() {
        return unit;
    }

    /**
     * {@return whether a unit normalises what it reads, so that nothing but sums lies on the way
     * past it, instead of its convolutions' outputs} A bottleneck's stride is then in its first
     * convolution, else in its 3x3 one.
     */
    public boolean preActivation() {
        return preActivation;
    }

    /**
     * {@return what goes past a unit whose sum has another size or more channels than what it
     * reads}
     */
    public Shortcut shortcut() {
        return shortcut;
    }

    /** {@return what comes before the first stage} */
    public Stem stem() {
        return stem;
    }

    /** {@return residual units of each stage; every stage but the first halves the images} */
    public List<Integer> unitsPerStage() {
        return unitsPerStage;
    }

    /**
     * {@return channels behind the stem and inside of the first stage's units; stages double them}
     */
    public int initialChannels() {
        return initialChannels;
    }

    /** Layers with weights, without those of shortcuts, as the papers count them. */
    @Override
    public int depth() {
        int units = unitsPerStage.stream().mapToInt(Integer::intValue).sum();
        return units * unit.convolutions() + 2;
    }

    @Override
    List<Object> ownValues() {
        return List.of(unit, preActivation, shortcut, stem, unitsPerStage, initialChannels);
    }

    @Override
    public String toString() {
        String units =
                unitsPerStage.stream().map(String::valueOf).collect(Collectors.joining(", "));
        return "ResNet "
                + name()
                + " ("
                + (preActivation ? "pre-activated " : "")
                + unit.name().toLowerCase(Locale.ROOT)
                + " units "
                + units
                + ", "
                + shortcut.name().toLowerCase(Locale.ROOT)
                + " shortcuts, "
                + initialChannels
                + " channels, "
                + inputAndClasses()
                + ")";
    }

    /** Collects the fields; {@link #build} validates them. */
    public static final class Builder extends FamilyFields.Builder<Builder>
            implements FamilySpec.Builder {
        private Unit unit = Unit.BASIC;
        private boolean preActivation;
        private Shortcut shortcut = Shortcut.SUBSAMPLED;
        private Stem stem = Stem.SMALL;
        private List<Integer> unitsPerStage = List.of(3, 3, 3);
        private int initialChannels = 16;

        private Builder() {
            super(10, 32, 1e-5);
        }

        @Override
        Builder self() {
            return this;
        }

        /**
         * The branch of a residual unit.
         *
         * @param value two 3x3 convolutions, or a bottleneck
         * @return this
         */
        public Builder unit(Unit value) {
            unit = Objects.requireNonNull(value, "unit");
            return this;
        }

        /**
         * Whether a unit normalises what it reads.
         *
         * @param on whether normalisation and ReLU stand before the convolutions
         * @return this
         */
        public Builder preActivation(boolean on) {
            preActivation = on;
            return this;
        }

        /**
         * What goes past a unit whose sum has another size or more channels.
         *
         * @param value what stands beside a unit that changes the shape
         * @return this
         */
        public Builder shortcut(Shortcut value) {
            shortcut = Objects.requireNonNull(value, "shortcut");
            return this;
        }

        /**
         * What comes before the first stage.
         *
         * @param value for small images, or for ImageNet's
         * @return this
         */
        public Builder stem(Stem value) {
            stem = Objects.requireNonNull(value, "stem");
            return this;
        }

        /**
         * Residual units of each stage.
         *
         * @param units 1 or more for each stage
         * @return this
         */
        public Builder unitsPerStage(int... units) {
            Objects.requireNonNull(units, "units");
            unitsPerStage = Arrays.stream(units).boxed().toList();
            return this;
        }

        /**
         * Channels behind the stem and inside of the first stage's units.
         *
         * @param channels 1 or more
         * @return this
         */
        public Builder initialChannels(int channels) {
            initialChannels = channels;
            return this;
        }

        /**
         * The finished spec.
         *
         * @throws IllegalArgumentException naming the field, its value and the fix
         */
        @Override
        public ResNetSpec build() {
            return new ResNetSpec(this);
        }
    }
}
