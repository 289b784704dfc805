package org.densenet4j.weights;

import static org.densenet4j.weights.OnnxGraph.integer;
import static org.densenet4j.weights.OnnxGraph.ints;
import static org.densenet4j.weights.OnnxGraph.real;
import static org.densenet4j.weights.OnnxGraph.text;

import org.densenet4j.graph.Addition;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.PatchConvolution;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.PixelHead;
import org.densenet4j.graph.PixelLogits;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.graph.Window;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The nodes of a graph as ONNX operators, which are named after the tensors that they use. What
 * drops something in training does nothing here.
 *
 * <p>Where a network evaluates with the statistics of the batch, they are computed once for what
 * each node writes, and concatenated as the values are.
 */
final class OnnxNodes {
    private static final Window POOL_OF_STEM = new Window(3, 2, 1);
    private static final Window POOL_OF_TRANSITION = new Window(2, 2, 0);
    private static final float[] BINOMIAL = {1, 2, 1, 2, 4, 2, 1, 2, 1};

    private final Graph network;
    private final OnnxGraph graph;
    private final boolean fixedSize;
    private final ImageSides sides;
    private final Map<String, GroupedPointwise> grouped;
    private final OnnxMixers mixers;
    private final OnnxColumns values;
    private final OnnxColumns means;
    private final OnnxColumns variances;

    /**
     * @param fixedSize whether images have the network's own size
     * @param grouped condensed 1x1 convolutions that are in groups, by their names
     */
    OnnxNodes(
            Graph network,
            OnnxGraph graph,
            ImageSides sides,
            boolean fixedSize,
            Map<String, GroupedPointwise> grouped) {
        this.grouped = grouped;
        this.network = network;
        this.graph = graph;
        this.fixedSize = fixedSize;
        this.sides = sides;
        this.mixers = new OnnxMixers(graph);
        this.values = new OnnxColumns(graph, 1, "");
        this.means = new OnnxColumns(graph, 0, ".mean");
        this.variances = new OnnxColumns(graph, 0, ".variance");
    }

    /** The tensors that batch normalisations read beside gamma and beta. */
    private record Statistics(String mean, String variance) {}

    /** The image tensor. */
    void input(String images) {
        values.write(network.input().all(), images, images);
    }

    /**
     * Adds the operators of a node that writes features.
     *
     * @throws IllegalArgumentException for a head
     */
    void add(Node node) {
        Columns target = node.writes().orElseThrow(() -> new IllegalArgumentException(node.name()));
        String made =
                switch (node) {
                    case ConvolutionLayer n ->
                            convolution(n.convolution(), read(n, n.source()), n.window(), n.bias());
                    case BottleneckLayer n -> bottleneck(n);
                    case PooledConvolution n -> pooledConvolution(n);
                    case Transition n ->
                            pool(
                                    "AveragePool",
                                    pool(n.convolution()),
                                    pointwise(n, n.source(), n.convolution(), false),
                                    POOL_OF_TRANSITION);
                    case TransitionDown n ->
                            pool(
                                    "MaxPool",
                                    pool(n.convolution()),
                                    pointwise(n, n.source(), n.convolution(), true),
                                    POOL_OF_TRANSITION);
                    case TransitionUp n -> transitionUp(n);
                    case DepthwiseLayer n -> mixers.depthwiseLayer(n, read(n, n.source()));
                    case PatchConvolution n -> mixers.patchConvolution(n, read(n, n.source()));
                    case Pooling n -> pooling(n);
                    case Addition n -> addition(n);
                    case Classifier n -> throw new IllegalArgumentException(n.name());
                    case PixelHead n -> throw new IllegalArgumentException(n.name());
                };
        String y = node.outputNorm().map(norm -> normRelu(made, norm)).orElse(made);
        String concatenation = concatenation(node);
        values.write(target, y, concatenation);
        if (usesBatch() && network.epsilon(target.of()).isPresent()) {
            Statistics ofBatch = statistics(y, node.name());
            means.write(target, ofBatch.mean(), concatenation);
            variances.write(target, ofBatch.variance(), concatenation);
        }
    }

    /** Adds the operators of a head. */
    void addHead(Node head, String logits) {
        switch (head) {
            case Classifier n -> {
                String x = read(n, n.source());
                x = graph.node("GlobalAveragePool", sibling(n.linear(), "pool"), List.of(x));
                String flat = sibling(n.linear(), "flatten");
                x = graph.node("Flatten", flat, List.of(x), integer("axis", 1));
                if (n.norm().isPresent()) {
                    x = mixers.layerNorm(x, n.norm().get(), false);
                }
                graph.output(
                        logits,
                        "Gemm",
                        n.linear(),
                        List.of(x, n.linear() + ".weight", n.linear() + ".bias"),
                        integer("transB", 1));
            }
            case PixelClassifier n -> {
                String name = n.convolution();
                List<String> inputs = inputs(name, read(n, n.source()), true);
                graph.output(logits, "Conv", name, inputs, window(Window.POINT));
            }
            case PixelLogits n ->
                    graph.output(logits, "Identity", n.name(), List.of(read(n, n.source())));
            default -> throw new IllegalArgumentException(head.name());
        }
    }

    // ---------------------------------------------------------------- names

    /** The same name with another last part. */
    static String sibling(String name, String last) {
        return name.substring(0, name.lastIndexOf('.') + 1) + last;
    }

    /** The pool behind a convolution: {@code pool0} behind {@code conv0}. */
    private static String pool(String convolution) {
        String last = convolution.substring(convolution.lastIndexOf('.') + 1);
        return sibling(convolution, last.contains("conv") ? last.replace("conv", "pool") : "pool");
    }

    private static String concatenation(Node node) {
        return switch (node) {
            case ConvolutionLayer n -> sibling(n.convolution(), "concat");
            case BottleneckLayer n -> sibling(n.conv2(), "concat");
            case PooledConvolution n -> sibling(n.convolution(), "concat");
            case Transition n -> sibling(n.convolution(), "concat");
            case TransitionDown n -> sibling(n.convolution(), "concat");
            case TransitionUp n -> sibling(n.convolution(), "concat");
            case DepthwiseLayer n -> n.name() + ".concat";
            case PatchConvolution n -> n.name() + ".concat";
            case Pooling n -> n.name() + ".concat";
            case Addition n -> n.name() + ".concat";
            case Classifier n -> throw new IllegalArgumentException(n.name());
            case PixelHead n -> throw new IllegalArgumentException(n.name());
        };
    }

    // ---------------------------------------------------------------- reads

    private String read(Node node, Read read) {
        String x = values.read(read.ranges(), node.name());
        if (read instanceof Read.L2Normalised n) {
            return mixers.l2Norm(x, n.norm(), n.channels());
        }
        if (!(read instanceof Read.Normalised n)) {
            return x;
        }
        String normalised = normalised(x, n.norm(), statistics(node, n));
        return n.relu() ? relu(n.norm().name(), normalised) : normalised;
    }

    private Statistics statistics(Node node, Read.Normalised read) {
        return usesBatch()
                ? new Statistics(
                        means.read(read.ranges(), node.name()),
                        variances.read(read.ranges(), node.name()))
                : running(read.norm());
    }

    private boolean usesBatch() {
        return network.evaluatesWithBatchStatistics();
    }

    private static Statistics running(Norm norm) {
        return new Statistics(norm.name() + ".running_mean", norm.name() + ".running_var");
    }

    /** Mean and variance of every channel over images and pixels: means of x and of (x − mean)². */
    private Statistics statistics(String x, String name) {
        String mean = graph.mean(name + ".mean", x, false, 0, 2, 3);
        String centre = graph.mean(name + ".centre", x, true, 0, 2, 3);
        String difference = graph.node("Sub", name + ".difference", List.of(x, centre));
        String square = graph.node("Mul", name + ".square", List.of(difference, difference));
        return new Statistics(mean, graph.mean(name + ".variance", square, false, 0, 2, 3));
    }

    private String normalised(String x, Norm norm, Statistics statistics) {
        String name = norm.name();
        return graph.node(
                "BatchNormalization",
                name,
                List.of(
                        x,
                        name + ".weight",
                        name + ".bias",
                        statistics.mean(),
                        statistics.variance()),
                real("epsilon", norm.epsilon()));
    }

    private String relu(String name, String x) {
        return graph.node("Relu", name + ".relu", List.of(x));
    }

    /** BN-ReLU of values that are a node's own. */
    private String normRelu(String x, Norm norm) {
        Statistics s = usesBatch() ? statistics(x, norm.name()) : running(norm);
        return relu(norm.name(), normalised(x, norm, s));
    }

    // ---------------------------------------------------------------- kinds of nodes

    private static List<String> inputs(String convolution, String x, boolean bias) {
        List<String> inputs = new ArrayList<>(List.of(x, convolution + ".weight"));
        if (bias) {
            inputs.add(convolution + ".bias");
        }
        return inputs;
    }

    private static Protobuf[] window(Window w) {
        int p = w.padding();
        return new Protobuf[] {
            ints("kernel_shape", w.kernel(), w.kernel()),
            ints("strides", w.stride(), w.stride()),
            ints("pads", p, p, p, p)
        };
    }

    private String convolution(String name, String x, Window window, boolean bias) {
        return graph.node("Conv", name, inputs(name, x, bias), window(window));
    }

    private String pointwise(Node node, Read source, String convolution, boolean bias) {
        return convolution(convolution, read(node, source), Window.POINT, bias);
    }

    private String bottleneck(BottleneckLayer n) {
        GroupedPointwise own = grouped.get(n.conv1());
        String z =
                own == null ? pointwise(n, n.source(), n.conv1(), false) : groupedPointwise(n, own);
        String t = normRelu(z, n.norm2());
        return n.groups() == 1
                ? convolution(n.conv2(), t, n.window(), false)
                : groupedConvolution(n.conv2(), t, n.window(), n.groups());
    }

    private String groupedConvolution(String name, String x, Window window, int groups) {
        List<Protobuf> attributes = new ArrayList<>(Arrays.asList(window(window)));
        attributes.add(integer("group", groups));
        return graph.node(
                "Conv", name, inputs(name, x, false), attributes.toArray(Protobuf[]::new));
    }

    /** Inputs gathered for each group, normalised, convolved, and the outputs put in order. */
    private String groupedPointwise(BottleneckLayer n, GroupedPointwise own) {
        LearnedGroups learned = own.learned();
        graph.integers(learned.index(), Arrays.stream(own.index()).asLongStream().toArray());
        String x =
                graph.node(
                        "Gather",
                        n.conv1() + ".gather",
                        List.of(values.read(n.source().ranges(), n.name()), learned.index()),
                        integer("axis", 1));
        String a = n.source() instanceof Read.Normalised read ? normRelu(x, read.norm()) : x;
        String y = groupedConvolution(n.conv1(), a, Window.POINT, learned.groups());
        String order = n.conv1() + ".order";
        graph.integers(order, own.order());
        return graph.node("Gather", n.conv1() + ".shuffle", List.of(y, order), integer("axis", 1));
    }

    private String pooledConvolution(PooledConvolution n) {
        String y = convolution(n.convolution(), read(n, n.source()), n.window(), n.bias());
        return pool("MaxPool", pool(n.convolution()), normRelu(y, n.norm()), POOL_OF_STEM);
    }

    /** A pool; the mean counts pixels of the padding, as the engine's does. */
    private String pool(String type, String name, String x, Window w, Protobuf... more) {
        List<Protobuf> attributes = new ArrayList<>(Arrays.asList(window(w)));
        if (w.padding() == 0) {
            attributes.removeLast();
        } else if (type.equals("AveragePool")) {
            attributes.add(integer("count_include_pad", 1));
        }
        attributes.addAll(Arrays.asList(more));
        return graph.node(type, name, List.of(x), attributes.toArray(Protobuf[]::new));
    }

    private String pooling(Pooling n) {
        String x = read(n, n.source());
        return switch (n.kind()) {
            case MAX -> pool("MaxPool", n.name(), x, n.window());
            case MAX_OF_ALL -> pool("MaxPool", n.name(), x, n.window(), integer("ceil_mode", 1));
            case AVERAGE ->
                    n.window().equals(Window.POINT)
                            ? x
                            : pool("AveragePool", n.name(), x, n.window());
            case MAX_THEN_BLUR -> blurred(n, pool("MaxPool", n.name(), x, Window.THREE));
        };
    }

    /** The binomial filter of each channel by itself, behind a border that mirrors the pixels. */
    private String blurred(Pooling n, String x) {
        int channels = n.target().count();
        String filter = n.name() + ".filter";
        graph.floats(
                filter,
                List.of(channels, 1, 3, 3),
                () -> {
                    float[] weights = new float[9 * channels];
                    for (int i = 0; i < weights.length; i++) {
                        weights[i] = BINOMIAL[i % 9] / 16;
                    }
                    return weights;
                });
        String border = graph.constant(0, 0, 1, 1, 0, 0, 1, 1);
        String mirrored =
                graph.node(
                        "Pad", n.name() + ".border", List.of(x, border), text("mode", "reflect"));
        return graph.node(
                "Conv",
                n.name() + ".blur",
                List.of(mirrored, filter),
                ints("kernel_shape", 3, 3),
                ints("strides", 2, 2),
                integer("group", channels));
    }

    private String addition(Addition n) {
        String branch = read(n, n.branch());
        String shortcut = read(n, n.shortcut());
        int missing = n.target().count() - n.shortcut().channels();
        if (missing > 0) {
            String pads = graph.constant(0, 0, 0, 0, 0, missing, 0, 0);
            shortcut = graph.node("Pad", n.name() + ".pad", List.of(shortcut, pads));
        }
        String sum = graph.node("Add", n.name(), List.of(branch, shortcut));
        return n.relu() ? relu(n.name(), sum) : sum;
    }

    private String transitionUp(TransitionUp n) {
        String name = n.convolution();
        String y =
                graph.node(
                        "ConvTranspose",
                        name,
                        inputs(name, read(n, n.source()), true),
                        window(TransitionUp.WINDOW));
        Optional<Features> beside = sides.crop(n);
        if (!fixedSize && beside.isPresent()) {
            return cropped(n.name() + ".crop", y, values.any(beside.get()));
        }
        Features to = n.target().of();
        int top = (n.upsampledHeight() - to.height()) / 2;
        int left = (n.upsampledWidth() - to.width()) / 2;
        return to.height() == n.upsampledHeight() && to.width() == n.upsampledWidth()
                ? y
                : graph.slice(
                        n.name() + ".crop",
                        y,
                        graph.constant(2, 3),
                        graph.constant(top, left),
                        graph.constant(top + to.height(), left + to.width()));
    }

    /** The middle of a tensor, as high and as wide as another. */
    private String cropped(String name, String y, String like) {
        String axis = graph.constant(0);
        String from = graph.constant(2);
        String end = graph.constant(4);
        String made = graph.node("Shape", name + ".made", List.of(y));
        String wanted = graph.node("Shape", name + ".wanted", List.of(like));
        String madeSides = graph.slice(name + ".made_sides", made, axis, from, end);
        String sizes = graph.slice(name + ".wanted_sides", wanted, axis, from, end);
        String surplus = graph.node("Sub", name + ".surplus", List.of(madeSides, sizes));
        String starts = graph.node("Div", name + ".starts", List.of(surplus, from));
        String ends = graph.node("Add", name + ".ends", List.of(starts, sizes));
        return graph.slice(name, y, graph.constant(2, 3), starts, ends);
    }
}
