package org.densenet4j.spec;

import static org.densenet4j.spec.FieldChecks.channels;
import static org.densenet4j.spec.FieldChecks.positive;
import static org.densenet4j.spec.FieldChecks.require;

import org.densenet4j.detection.PriorGrid;
import org.densenet4j.detection.Priors;
import org.densenet4j.graph.Graph;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The hyperparameters of a DSOD (Shen et al. 2017, arXiv 1708.01241), a densely connected network
 * that finds objects and is trained from scratch: a stem of three convolutions, four dense blocks,
 * and predictions from the second block's features, from the fourth's beside a shortcut, and from
 * as many smaller maps as there are steps behind. Immutable and validated.
 *
 * <p>{@code classes} are those of objects, without the background. {@code bnEpsilon} is that of the
 * batch normalisations but for the heads', which is 1e-3.
 *
 * <pre>{@code
 * DsodSpec spec = DsodSpec.dsod300().classes(3).build();
 * }</pre>
 */
public final class DsodSpec extends FamilyFields implements FamilySpec, DetectionSpec {
    static final String NAMES = "dsod300, dsod300-coco, dsod300-smallest, dsod-glyphs";

    private static final int BLOCKS = 4;
    private static final int MOST_STEPS = 16;

    /** Those of images of 10,000 pixels a side, of which each box takes 32 bytes. */
    private static final int MOST_CELLS = 1 << 21;

    /** The first source, the second, and one for each step. */
    private static final int SOURCES_BEFORE_STEPS = 2;

    private final int stemChannels;
    private final List<Integer> layersPerBlock;
    private final int growthRate;
    private final int bottleneckWidth;
    private final int secondChannels;
    private final List<Integer> stepChannels;
    private final List<Boxes> boxes;

    /** Of this size of images. */
    private final Priors priors;

    /**
     * The default boxes at each cell of a source: squares of side {@code least} and √(least·most),
     * and for each ratio r boxes of least·√r by least/√r and the other way round.
     *
     * @param step pixels from one cell to the next
     * @param least side in pixels
     * @param most side in pixels that the second square is on the way to
     * @param ratios of sides, above 1
     */
    public record Boxes(double step, double least, double most, List<Double> ratios) {
        /** Keeps a copy, and checks the numbers. */
        public Boxes {
            ratios = List.copyOf(Objects.requireNonNull(ratios, "ratios"));
            new PriorGrid(1, 1, step, least, most, ratios); // refuses what are no boxes
        }

        /** {@return boxes of a cell} */
        public int perCell() {
            return grid(1, 1).boxesPerCell();
        }

        PriorGrid grid(int height, int width) {
            return new PriorGrid(height, width, step, least, most, ratios);
        }
    }

    private DsodSpec(Builder b) {
        super(b);
        stemChannels = positive("stemChannels", b.stemChannels);
        layersPerBlock = b.layersPerBlock;
        growthRate = positive("growthRate", b.growthRate);
        bottleneckWidth = positive("bottleneckWidth", b.bottleneckWidth);
        secondChannels = positive("secondChannels", b.secondChannels);
        stepChannels = b.stepChannels;
        boxes = b.boxes;
        require(
                layersPerBlock.size() == BLOCKS,
                "layersPerBlock = " + layersPerBlock + ": give one number for each of 4 blocks");
        FieldChecks.layers("layersPerBlock", layersPerBlock);
        require(
                stepChannels.size() <= MOST_STEPS,
                "stepChannels = " + stepChannels + ": use at most " + MOST_STEPS + " steps");
        stepChannels.forEach(c -> positive("stepChannels", c));
        int sources = SOURCES_BEFORE_STEPS + stepChannels.size();
        require(
                boxes.size() == sources,
                "boxes of "
                        + boxes.size()
                        + " sources: there are "
                        + sources
                        + ", two and one for each of stepChannels = "
                        + stepChannels);
        long entering = 2L * stemChannels;
        for (int block = 1; block <= BLOCKS; block++) {
            entering = leaving(block, entering);
            channels("block " + block, entering, "fewer layers or a smaller growthRate");
        }
        for (Boxes of : boxes) {
            channels("a head", of.perCell() * (5L + classes()), "fewer classes or boxes");
        }
        List<PriorGrid> grids = grids();
        long cells = grids.stream().mapToLong(g -> (long) g.height() * g.width()).sum();
        require(
                cells <= MOST_CELLS,
                String.format(
                        Locale.ROOT,
                        "inputSize = %dx%d has %,d cells of default boxes: use smaller images",
                        inputHeight(),
                        inputWidth(),
                        cells));
        priors = Priors.of(inputHeight(), inputWidth(), grids);
    }

    private List<PriorGrid> grids() {
        int height = DsodGraph.half(DsodGraph.half(DsodGraph.ofStem(inputHeight())));
        int width = DsodGraph.half(DsodGraph.half(DsodGraph.ofStem(inputWidth())));
        List<PriorGrid> grids = new ArrayList<>();
        for (Boxes of : boxes) {
            grids.add(of.grid(height, width));
            height = DsodGraph.half(height);
            width = DsodGraph.half(width);
        }
        return grids;
    }

    /** Channels behind a block that starts with so many. */
    long leaving(int block, long entering) {
        return entering + (long) layersPerBlock.get(block - 1) * growthRate;
    }

    // ---------------------------------------------------------------- presets

    private static List<Boxes> boxes300(int... sides) {
        double[] steps = {8, 16, 32, 64, 100, 300};
        return IntStream.range(0, steps.length)
                .mapToObj(
                        i ->
                                new Boxes(
                                        steps[i],
                                        sides[i],
                                        sides[i + 1],
                                        i >= 1 && i <= 3 ? List.of(2.0, 3.0) : List.of(2.0)))
                .toList();
    }

    /** {@return DSOD300 for PASCAL VOC's 20 classes, DS/64-192-48-1} */
    public static Builder dsod300() {
        return builder().name("dsod300");
    }

    /** {@return DSOD300 for COCO's 80 classes, whose objects are smaller} */
    public static Builder dsod300Coco() {
        return builder()
                .name("dsod300-coco")
                .classes(80)
                .boxes(boxes300(21, 45, 99, 153, 207, 261, 315));
    }

    /** {@return the authors' smallest, DS/64-64-16-1, for PASCAL VOC's 20 classes} */
    public static Builder dsod300Smallest() {
        return builder().name("dsod300-smallest").bottleneckWidth(64).growthRate(16);
    }

    /**
     * {@return a small one of three sources for images of 96x96 with ten kinds of glyphs of 15 to
     * 38 pixels, which trains in minutes}
     */
    public static Builder dsodGlyphs() {
        List<Double> ratios = List.of(1.6);
        return builder()
                .name("dsod-glyphs")
                .stemChannels(16)
                .layersPerBlock(4, 6, 6, 6)
                .growthRate(16)
                .bottleneckWidth(64)
                .secondChannels(64)
                .stepChannels(64)
                .boxes(
                        List.of(
                                new Boxes(8, 16, 24, ratios),
                                new Boxes(16, 28, 36, ratios),
                                new Boxes(32, 36, 44, ratios)))
                .classes(10)
                .inputSize(96);
    }

    /**
     * {@return a preset by name: {@code dsod300} and the like}
     *
     * @param name such as {@code dsod300-coco}
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
                    case "dsod300" -> dsod300();
                    case "dsod300-coco" -> dsod300Coco();
                    case "dsod300-smallest" -> dsod300Smallest();
                    case "dsod-glyphs" -> dsodGlyphs();
                    default -> null;
                });
    }

    /**
     * Starts a spec of one's own: that of DSOD300 for PASCAL VOC.
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
        b.stemChannels = stemChannels;
        b.layersPerBlock = layersPerBlock;
        b.growthRate = growthRate;
        b.bottleneckWidth = bottleneckWidth;
        b.secondChannels = secondChannels;
        b.stepChannels = stepChannels;
        b.boxes = boxes;
        return b;
    }

    // ---------------------------------------------------------------- what it finds with

    /** {@inheritDoc} Their order is that of the sources. */
    @Override
    public Priors priors() {
        return priors;
    }

    @Override
    public List<String> classHeads() {
        return IntStream.rangeClosed(1, boxes.size()).mapToObj(DsodGraph::classHead).toList();
    }

    @Override
    public List<String> offsetHeads() {
        return IntStream.rangeClosed(1, boxes.size()).mapToObj(DsodGraph::offsetHead).toList();
    }

    // ---------------------------------------------------------------- fields

    /** The network: a matrix for each block and each source. */
    @Override
    Graph makeGraph() {
        return DsodGraph.of(this);
    }

    /** {@return channels of the stem's first two convolutions; its third has twice as many} */
    public int stemChannels() {
        return stemChannels;
    }

    /** Channels of the stem's last convolution. */
    int stemOutput() {
        return 2 * stemChannels;
    }

    /** {@return dense layers of each of the four blocks} */
    public List<Integer> layersPerBlock() {
        return layersPerBlock;
    }

    /** {@return channels that a dense layer appends} */
    public int growthRate() {
        return growthRate;
    }

    /** {@return channels of a dense layer's bottleneck} */
    public int bottleneckWidth() {
        return bottleneckWidth;
    }

    /** {@return channels of each half of the second source} */
    public int secondChannels() {
        return secondChannels;
    }

    /** {@return channels of each half of the sources behind the second} */
    public List<Integer> stepChannels() {
        return stepChannels;
    }

    /** {@return the default boxes at each cell of each source} */
    public List<Boxes> boxes() {
        return boxes;
    }

    /** Stem, two for each dense layer, a transition for each block, two for each step, the head. */
    @Override
    public int depth() {
        int layers = layersPerBlock.stream().mapToInt(Integer::intValue).sum();
        return 3 + 2 * layers + BLOCKS + 2 * stepChannels.size() + 1;
    }

    @Override
    List<Object> ownValues() {
        return List.of(
                stemChannels,
                layersPerBlock,
                growthRate,
                bottleneckWidth,
                secondChannels,
                stepChannels,
                boxes);
    }

    @Override
    public String toString() {
        return "DSOD "
                + name()
                + " (DS/"
                + stemChannels
                + "-"
                + bottleneckWidth
                + "-"
                + growthRate
                + "-1, blocks "
                + listed(layersPerBlock)
                + ", sources "
                + boxes.size()
                + ", boxes "
                + priors.size()
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
        private int stemChannels = 64;
        private List<Integer> layersPerBlock = List.of(6, 8, 8, 8);
        private int growthRate = 48;
        private int bottleneckWidth = 192;
        private int secondChannels = 256;
        private List<Integer> stepChannels = List.of(256, 128, 128, 128);
        private List<Boxes> boxes = boxes300(30, 60, 111, 162, 213, 264, 315);

        private Builder() {
            super(20, 300, 1e-5);
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
         * Channels of the stem's first two convolutions.
         *
         * @param channels 1 or more; the third convolution has twice as many
         * @return this
         */
        public Builder stemChannels(int channels) {
            stemChannels = channels;
            return this;
        }

        /**
         * Dense layers of each block.
         *
         * @param layers 1 or more for each of four blocks
         * @return this
         */
        public Builder layersPerBlock(int... layers) {
            layersPerBlock = list("layers", layers);
            return this;
        }

        /**
         * Channels that a dense layer appends.
         *
         * @param channels 1 or more
         * @return this
         */
        public Builder growthRate(int channels) {
            growthRate = channels;
            return this;
        }

        /**
         * Channels of a dense layer's bottleneck.
         *
         * @param channels 1 or more
         * @return this
         */
        public Builder bottleneckWidth(int channels) {
            bottleneckWidth = channels;
            return this;
        }

        /**
         * Channels of each half of the second source: what the fourth block makes, and a shortcut.
         *
         * @param channels 1 or more
         * @return this
         */
        public Builder secondChannels(int channels) {
            secondChannels = channels;
            return this;
        }

        /**
         * Channels of each half of the sources behind the second, each half as high and wide as the
         * one before.
         *
         * @param channels 1 or more for each; none for two sources
         * @return this
         */
        public Builder stepChannels(int... channels) {
            stepChannels = list("channels", channels);
            return this;
        }

        /**
         * The default boxes at each cell of each source.
         *
         * @param value one for each of the two sources and each step
         * @return this
         */
        public Builder boxes(List<Boxes> value) {
            boxes = List.copyOf(Objects.requireNonNull(value, "boxes"));
            return this;
        }

        /**
         * {@return the finished spec}
         *
         * @throws IllegalArgumentException naming the field, its value and the fix
         */
        @Override
        public DsodSpec build() {
            return new DsodSpec(this);
        }
    }
}
