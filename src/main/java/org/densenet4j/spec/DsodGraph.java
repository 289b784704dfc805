package org.densenet4j.spec;

import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Initialisation;
import org.densenet4j.graph.L2Norm;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;

/**
 * A DSOD as a graph (Shen et al. 2017, arXiv 1708.01241, table 1 and figure 1): four dense blocks
 * with a matrix each, and a matrix for each source of predictions. The pool of the first source is
 * the beginning of the third block's matrix, where the second source reads it, too.
 */
final class DsodGraph {
    private static final Window HALF = new Window(2, 2, 0);
    private static final Window STRIDED = new Window(3, 2, 1);

    /** Of the heads' batch normalisations, as the authors have it. */
    private static final double HEAD_EPSILON = 1e-3;

    private final DsodSpec spec;
    private final Graph.Builder graph;
    private int sources;

    private DsodGraph(DsodSpec spec) {
        this.spec = spec;
        this.graph =
                Graph.builder(
                                spec.name(),
                                spec.inputHeight(),
                                spec.inputWidth(),
                                spec.inputChannels())
                        .initialisation(Initialisation.DSOD);
    }

    static Graph of(DsodSpec spec) {
        return new DsodGraph(spec).build();
    }

    static String classHead(int source) {
        return "classes" + source;
    }

    static String offsetHead(int source) {
        return "offsets" + source;
    }

    /** The sides of what a pool makes, which keeps what no window fills. */
    static int half(int side) {
        return HALF.outputOfAll(side);
    }

    /** The sides of what the first convolution makes. */
    static int ofStem(int side) {
        return STRIDED.output(side);
    }

    private Graph build() {
        Features x1 = block(1, half(stem()), spec.stemOutput());
        stem(x1.prefix(spec.stemOutput()));
        layers(1, x1, spec.stemOutput());
        Features before = new Features("transitioned", x1.height(), x1.width(), x1.channels());
        transition(1, x1, before.all());

        int second = x1.channels();
        Features x2 = block(2, half(before), second);
        pool("pool1", Read.raw(before.all()), x2.prefix(second));
        layers(2, x2, second);
        Features first = source(x2.height(), x2.width(), x2.channels());
        transition(2, x2, first.all());
        heads(1, first);

        int third = first.channels();
        Features x3 = block(3, half(first), third);
        pool("pool2", Read.raw(first.all()), x3.prefix(third));
        int width = spec.secondChannels();
        Features source = source(x3.height(), x3.width(), 2 * width);
        convolution("second", x3.prefix(third), Window.POINT, source.columns(width, width));
        layers(3, x3, third);

        int fourth = x3.channels();
        Features x4 = block(4, x3, fourth);
        transition(3, x3, x4.prefix(fourth));
        layers(4, x4, fourth);
        transition(4, x4, source.prefix(width));
        heads(2, source);

        for (int channels : spec.stepChannels()) {
            source = step(source, channels);
            heads(sources, source);
        }
        return graph.build();
    }

    // ---------------------------------------------------------------- stem and blocks

    private Features stem() {
        return new Features("stem", ofStem(spec.inputHeight()), ofStem(spec.inputWidth()), 1);
    }

    /** Three convolutions, each with a batch norm and a ReLU behind, and a pool. */
    private void stem(Columns target) {
        Read read = Read.raw(graph.input().all());
        for (int layer = 1; layer <= 3; layer++) {
            int channels = layer == 3 ? spec.stemOutput() : spec.stemChannels();
            Features made = new Features("stem" + layer, stem().height(), stem().width(), channels);
            Window window = layer == 1 ? STRIDED : Window.THREE;
            graph.add(ConvolutionLayer.of("stem.conv" + layer, read, window, made.all()));
            read = Read.normalisedRelu(norm("stem.norm" + layer), made.all());
        }
        pool("stem.pool", read, target);
    }

    /** The matrix of a block that starts with so many channels, as high and wide as another. */
    private Features block(int block, Features like, int entering) {
        return new Features(
                "block" + block,
                like.height(),
                like.width(),
                Math.toIntExact(spec.leaving(block, entering)));
    }

    private void layers(int block, Features x, int entering) {
        for (int layer = 1; layer <= spec.layersPerBlock().get(block - 1); layer++) {
            String name = "block" + block + ".layer" + layer;
            int there = entering + (layer - 1) * spec.growthRate();
            graph.add(
                    new BottleneckLayer(
                            name,
                            Read.normalisedRelu(norm(name + ".norm1"), x.prefix(there)),
                            spec.bottleneckWidth(),
                            name + ".conv1",
                            norm(name + ".norm2"),
                            name + ".conv2",
                            1,
                            Drops.NOTHING,
                            x.columns(there, spec.growthRate())));
        }
    }

    private void transition(int block, Features x, Columns target) {
        convolution("block" + block + ".transition", x.all(), Window.POINT, target);
    }

    /** BN-ReLU-convolution. */
    private void convolution(String name, Columns source, Window window, Columns target) {
        Read read = Read.normalisedRelu(norm(name + ".norm"), source);
        graph.add(
                new ConvolutionLayer(
                        name, read, window, name + ".conv", false, Drops.NOTHING, target));
    }

    private void pool(String name, Read source, Columns target) {
        graph.add(new Pooling(name, source, Pooling.Kind.MAX_OF_ALL, HALF, target));
    }

    private static Features half(Features x) {
        return new Features(x.name(), half(x.height()), half(x.width()), x.channels());
    }

    private Norm norm(String name) {
        return new Norm(name, spec.bnEpsilon(), spec.bnMomentum());
    }

    // ---------------------------------------------------------------- sources and heads

    private Features source(int height, int width, int channels) {
        return new Features("source" + ++sources, height, width, channels);
    }

    /** Half of what a step makes is pooled and convolved, half convolved with a stride. */
    private Features step(Features from, int channels) {
        String name = "step" + (sources - 1);
        Features half = half(from);
        Features made = source(half.height(), half.width(), 2 * channels);
        Features pooled =
                new Features(name + "pooled", half.height(), half.width(), from.channels());
        Features reduced = new Features(name + "reduced", from.height(), from.width(), channels);
        pool(name + ".pool", Read.raw(from.all()), pooled.all());
        convolution(name + ".pooled", pooled.all(), Window.POINT, made.prefix(channels));
        convolution(name + ".reduced", from.all(), Window.POINT, reduced.all());
        convolution(name + ".strided", reduced.all(), STRIDED, made.columns(channels, channels));
        return made;
    }

    /**
     * Offsets and classes of a source: the authors' two convolutions behind one L2 norm are one
     * with the outputs of both, and the batch norm behind each is its own.
     */
    private void heads(int source, Features x) {
        String name = "head" + source;
        int boxes = spec.boxes().get(source - 1).perCell();
        int offsets = 4 * boxes;
        int classes = (1 + spec.classes()) * boxes;
        Features outputs =
                new Features("outputs" + source, x.height(), x.width(), offsets + classes);
        graph.add(
                new ConvolutionLayer(
                        name,
                        Read.l2Normalised(L2Norm.of(name + ".norm"), x.all()),
                        Window.THREE,
                        name + ".conv",
                        false,
                        Drops.NOTHING,
                        outputs.all()));
        logits(offsetHead(source), name + ".offsets", outputs.prefix(offsets));
        logits(classHead(source), name + ".classes", outputs.columns(offsets, classes));
    }

    private void logits(String name, String norm, Columns outputs) {
        Norm behind = new Norm(norm, HEAD_EPSILON, spec.bnMomentum());
        graph.add(new PixelLogits(name, Read.normalised(behind, outputs)));
    }
}
