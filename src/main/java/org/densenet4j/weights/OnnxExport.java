package org.densenet4j.weights;

import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Outputs;
import org.densenet4j.data.Task;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.PixelHead;
import org.densenet4j.graph.Read;
import org.densenet4j.io.AtomicFile;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A network as an ONNX graph for inference: input {@code images} [batch, C, height, width]
 * (normalised; any batch, height and width), output {@code logits} [batch, classes], or [batch,
 * classes, height, width] where there are logits of every pixel, and {@code probabilities} of the
 * same shape where they are asked for. With several heads both have the head's name in front:
 * {@code head.logits}. Initialisers keep the names of the network's tensors.
 *
 * <p>A network that evaluates with the statistics of the batch computes them of the images that are
 * run together ({@code ReduceMean}), and its running statistics are not in the file.
 *
 * <p>The few messages of the format (onnx/onnx.proto) are written by {@link Protobuf}, field by
 * field. Tribuo's ONNX builder was tried first: it knows neither convolution nor images as input,
 * renames every initialiser and stops at opset 13; and protobuf's own runtime calls {@code
 * sun.misc.Unsafe}, about which a current JVM warns on every run.
 */
public final class OnnxExport {
    /**
     * The opset that the definitions of all operators used here are of: convolution and pooling
     * changed last in 22. Later opsets change none of them.
     */
    public static final int OPSET = 22;

    static final int OLDEST_OPSET = 13;

    private static final int LARGEST = Integer.MAX_VALUE - (1 << 20);

    private final NetworkSpec spec;
    private final Graph network;
    private final WeightSource weights;
    private final Known known;
    private final OnnxOptions options;
    private final OnnxGraph graph;
    private final ImageSides sides;

    /** Condensed 1x1 convolutions in groups, by their names, and what their tensors are then. */
    private final Map<String, GroupedPointwise> grouped = new HashMap<>();

    private final Map<String, float[]> groupedTensors = new HashMap<>();

    /** What is known of a network beside its weights, for the notes. */
    record Known(ImageMetadata images, Outputs outputs) {
        static Known of(NetworkSpec spec, ImageMetadata images) {
            Task task = spec.graph().classifiesPixels() ? Task.SEGMENT : Task.CLASSIFY;
            return new Known(images, Outputs.of(task));
        }
    }

    private OnnxExport(NetworkSpec spec, WeightSource weights, Known known, OnnxOptions options) {
        this.spec = spec;
        this.network = spec.graph();
        this.weights = weights;
        this.known = known;
        this.options = options;
        this.graph = new OnnxGraph(options.opset());
        this.sides = new ImageSides(network);
    }

    /**
     * Writes the file with the current opset; what was there before stays until it is complete.
     *
     * @param model with its weights
     * @param path the file, which is replaced when the new one is complete
     * @throws IOException in one line when reading or writing fails
     */
    public static void write(Model model, Path path) throws IOException {
        write(model, path, OnnxOptions.defaults());
    }

    /**
     * The same with an older opset, a fixed size or probabilities.
     *
     * @param model with its weights
     * @param path the file, which is replaced when the new one is complete
     * @param options opset, sizes and outputs
     * @throws IOException in one line when reading or writing fails
     */
    public static void write(Model model, Path path, OnnxOptions options) throws IOException {
        Objects.requireNonNull(model, "model");
        Objects.requireNonNull(options, "options");
        if (options.probabilities() && model.outputs().task().isOfVectors()) {
            throw new IllegalArgumentException(
                    "a softmax is of one class per image, and the outputs are for the task "
                            + model.outputs().task().text()
                            + "; leave --softmax out");
        }
        Known known = new Known(model.images(), model.outputs());
        write(model.spec(), model, known, path, options);
    }

    /**
     * The same for any network with the weights that it has now, such as a graph of one's own that
     * a trainer has trained.
     *
     * @param network with its weights
     * @param images what is known of its images and classes, for the notes in the file
     * @param path the file, which is replaced when the new one is complete
     * @param options opset, sizes and outputs
     * @throws IOException in one line when writing fails
     * @throws IllegalArgumentException as below
     */
    public static void write(Network network, ImageMetadata images, Path path, OnnxOptions options)
            throws IOException {
        Objects.requireNonNull(network, "network");
        Set<String> trained =
                network.parameters().stream().map(ParameterSpec::name).collect(Collectors.toSet());
        WeightSource weights =
                name ->
                        trained.contains(name)
                                ? network.parameter(name)
                                : network.runningStatistic(name);
        write(network.plan().spec(), weights, images, path, options);
    }

    /**
     * The same for any network.
     *
     * @param spec the network
     * @param weights parameters and running statistics by name
     * @param images what is known of its images and classes, for the notes in the file
     * @param path the file, which is replaced when the new one is complete
     * @param options opset, sizes and outputs
     * @throws IOException in one line when reading or writing fails
     * @throws IllegalArgumentException when the weights need more than a file can have, or when the
     *     ways through a graph only meet for images of its own size and the size is to be free
     */
    public static void write(
            NetworkSpec spec,
            WeightSource weights,
            ImageMetadata images,
            Path path,
            OnnxOptions options)
            throws IOException {
        Objects.requireNonNull(spec, "spec");
        Objects.requireNonNull(weights, "weights");
        Objects.requireNonNull(images, "images");
        write(spec, weights, Known.of(spec, images), path, options);
    }

    private static void write(
            NetworkSpec spec, WeightSource weights, Known known, Path path, OnnxOptions options)
            throws IOException {
        Objects.requireNonNull(path, "path");
        Objects.requireNonNull(options, "options");
        long bytes = Float.BYTES * spec.graph().parameterCount();
        if (bytes > LARGEST) {
            throw new IllegalArgumentException(
                    "the weights have " + bytes + " bytes, an ONNX file can have 2 GiB");
        }
        OnnxExport export = new OnnxExport(spec, weights, known, options);
        Optional<String> misfit = options.fixedSize() ? Optional.empty() : export.sides.misfit();
        if (misfit.isPresent()) {
            throw new IllegalArgumentException(
                    "the network '"
                            + spec.name()
                            + "' fits images of its own size only ("
                            + misfit.get()
                            + "): export it with --fixed-size, or OnnxOptions.withFixedSize");
        }
        AtomicFile.write(path, export.build()::writeTo);
    }

    private Protobuf build() throws IOException {
        if (options.grouped()) {
            group();
        }
        OnnxNodes nodes = new OnnxNodes(network, graph, sides, options.fixedSize(), grouped);
        nodes.input(images());
        List<Protobuf> outputs = new ArrayList<>();
        for (Node node : network.nodes()) {
            if (node.writes().isPresent()) {
                nodes.add(node);
            } else {
                head(nodes, node, outputs);
            }
        }
        Protobuf proto = graph.proto().text(2, spec.name()); // name
        network.parameters().forEach(this::initialiser);
        if (!network.evaluatesWithBatchStatistics()) {
            network.runningStatistics().forEach(this::initialiser);
        }
        Object height = options.fixedSize() ? spec.inputHeight() : "height";
        Object width = options.fixedSize() ? spec.inputWidth() : "width";
        proto.message(11, value("images", "batch", spec.inputChannels(), height, width)); // input
        outputs.forEach(output -> proto.message(12, output)); // output
        Protobuf opset = new Protobuf().text(1, "").number(2, options.opset());
        Protobuf model =
                new Protobuf()
                        .number(1, irVersion(options.opset())) // ir_version
                        .text(2, "densenet4j") // producer_name
                        .text(6, spec.toString()) // doc_string
                        .message(7, proto) // graph
                        .message(8, opset); // opset_import
        OnnxNotes.of(network, known, sides.least()).forEach((key, text) -> note(model, key, text));
        return model;
    }

    private void group() throws IOException {
        Map<String, LearnedGroups> learned = new HashMap<>();
        network.learnedGroups().forEach(groups -> learned.put(groups.weight(), groups));
        for (Node node : network.nodes()) {
            if (node instanceof BottleneckLayer layer
                    && learned.get(layer.conv1() + ".weight") instanceof LearnedGroups groups) {
                String weight = groups.weight();
                GroupedPointwise own =
                        GroupedPointwise.of(
                                groups, network.parameter(weight), weights.values(weight));
                grouped.put(layer.conv1(), own);
                groupedTensors.put(weight, own.weights());
                if (layer.source() instanceof Read.Normalised read) {
                    for (String part : List.of("weight", "bias", "running_mean", "running_var")) {
                        String name = read.norm().name() + "." + part;
                        groupedTensors.put(name, own.gathered(weights.values(name)));
                    }
                }
            }
        }
        if (grouped.isEmpty()) {
            throw new IllegalArgumentException(
                    "the network '"
                            + spec.name()
                            + "' has no learned groups, as CondenseNets have; leave --groups out");
        }
    }

    private void head(OnnxNodes nodes, Node head, List<Protobuf> outputs) {
        boolean only = network.heads().size() == 1;
        String logits = only ? "logits" : head.name() + ".logits";
        String probabilities = only ? "probabilities" : head.name() + ".probabilities";
        nodes.addHead(head, logits);
        outputs.add(value(logits, shapeOfLogits(head)));
        if (options.probabilities()) {
            String softmax = only ? "softmax" : head.name() + ".softmax";
            graph.output(
                    probabilities,
                    "Softmax",
                    softmax,
                    List.of(logits),
                    OnnxGraph.integer("axis", 1));
            outputs.add(value(probabilities, shapeOfLogits(head)));
        }
    }

    private Object[] shapeOfLogits(Node head) {
        return switch (head) {
            case Classifier c -> new Object[] {"batch", c.classes()};
            case PixelHead c -> {
                Read read = c.source();
                String of = sides.keepsSize(read) ? "" : head.name() + "_";
                yield options.fixedSize()
                        ? new Object[] {"batch", c.classes(), read.height(), read.width()}
                        : new Object[] {"batch", c.classes(), of + "height", of + "width"};
            }
            default -> throw new IllegalArgumentException(head.name());
        };
    }

    /** The oldest format version that allows an opset (onnx/docs/Versioning.md). */
    private static long irVersion(int opset) {
        if (opset <= 14) {
            return 7;
        }
        return opset <= 18 ? 8 : opset <= 20 ? 9 : 10;
    }

    private static void note(Protobuf proto, String key, String value) {
        proto.message(14, new Protobuf().text(1, key).text(2, value)); // metadata_props
    }

    /** A ValueInfoProto: float, of whole numbers and names of free dimensions. */
    private static Protobuf value(String name, Object... dimensions) {
        Protobuf dims = new Protobuf();
        for (Object d : dimensions) {
            Protobuf dimension = new Protobuf();
            if (d instanceof Integer fixed) {
                dimension.number(1, fixed); // dim_value
            } else {
                dimension.text(2, (String) d); // dim_param
            }
            dims.message(1, dimension);
        }
        Protobuf tensor =
                new Protobuf().number(1, OnnxGraph.FLOAT).message(2, dims); // elem_type, shape
        return new Protobuf()
                .text(1, name)
                .message(2, new Protobuf().message(1, tensor)); // type, tensor_type
    }

    private void initialiser(ParameterSpec p) {
        float[] own = groupedTensors.get(p.name());
        if (own != null) {
            GroupedPointwise convolution = grouped.get(p.name().replaceFirst("\\.weight$", ""));
            graph.floats(
                    p.name(),
                    convolution == null ? List.of(own.length) : convolution.shape(),
                    () -> own);
            return;
        }
        graph.floats(p.name(), p.shape(), () -> weights.values(p.name()));
    }

    /** The smallest height and width of images that leave pixels everywhere. */
    static int leastSide(NetworkSpec spec) {
        return new ImageSides(spec.graph()).least();
    }

    /**
     * The images. Where their size is free, an operator fails for those that the network is too
     * deep for, with the sizes in its message: ONNX Runtime pools a single row or column without a
     * word, and computes numbers that no other framework does. Images are reshaped to the larger of
     * their size and the least, which nothing else than their own size can be.
     */
    private String images() {
        int least = sides.least();
        if (options.fixedSize() || least == 1) {
            return "images";
        }
        graph.integers("images.least_shape", 1, 1, least, least);
        String size = graph.node("Shape", "images.shape", List.of("images"));
        String target =
                graph.node("Max", "images.checked_shape", List.of(size, "images.least_shape"));
        return graph.node(
                "Reshape",
                "images_of_at_least_" + least + "x" + least + "_pixels",
                List.of("images", target));
    }
}
