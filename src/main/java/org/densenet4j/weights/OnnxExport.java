package org.densenet4j.weights;

import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.AtomicFile;
import org.densenet4j.spec.BlockShape;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.LayerShape;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.Stem;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * A model as an ONNX graph for inference: input {@code images} [batch, C, height, width]
 * (normalised; any batch, height and width), output {@code logits} [batch, classes], and {@code
 * probabilities} [batch, classes] where they are asked for. Initialisers keep torchvision's names.
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

    private static final long FLOAT = 1;
    private static final long INT64 = 7;
    private static final int LARGEST = Integer.MAX_VALUE - (1 << 20);

    private final Model model;
    private final OnnxOptions options;
    private final NetworkShape shape;
    private final Protobuf graph = new Protobuf();

    private OnnxExport(Model model, OnnxOptions options) {
        this.model = model;
        this.options = options;
        this.shape = NetworkShape.of(model.spec());
    }

    /**
     * Writes the file with the current opset; what was there before stays until it is complete.
     *
     * @throws IOException in one line when reading or writing fails
     */
    public static void write(Model model, Path path) throws IOException {
        write(model, path, OnnxOptions.defaults());
    }

    /**
     * The same with an older opset, a fixed size or probabilities.
     *
     * @throws IOException in one line when reading or writing fails
     */
    public static void write(Model model, Path path, OnnxOptions options) throws IOException {
        long bytes = 4 * NetworkShape.of(model.spec()).parameterCount();
        if (bytes > LARGEST) {
            throw new IllegalArgumentException(
                    "the weights have " + bytes + " bytes, an ONNX file can have 2 GiB");
        }
        AtomicFile.write(path, new OnnxExport(model, options).build()::writeTo);
    }

    private Protobuf build() {
        DenseNetSpec spec = model.spec();
        head(blocks(stem(images())));
        graph.text(2, spec.name()); // name
        shape.parameters().forEach(this::initialiser);
        shape.buffers().forEach(this::initialiser);
        Object height = options.fixedSize() ? spec.inputHeight() : "height";
        Object width = options.fixedSize() ? spec.inputWidth() : "width";
        graph.message(11, value("images", "batch", spec.inputChannels(), height, width)); // input
        graph.message(12, value("logits", "batch", spec.classes())); // output
        if (options.probabilities()) {
            graph.message(12, value("probabilities", "batch", spec.classes()));
        }
        Protobuf opset = new Protobuf().text(1, "").number(2, options.opset());
        Protobuf proto =
                new Protobuf()
                        .number(1, irVersion(options.opset())) // ir_version
                        .text(2, "densenet4j") // producer_name
                        .text(6, spec.toString()) // doc_string
                        .message(7, graph) // graph
                        .message(8, opset); // opset_import
        OnnxNotes.of(model, leastSide(spec)).forEach((key, text) -> note(proto, key, text));
        return proto;
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
        Protobuf tensor = new Protobuf().number(1, FLOAT).message(2, dims); // elem_type, shape
        return new Protobuf()
                .text(1, name)
                .message(2, new Protobuf().message(1, tensor)); // type, tensor_type
    }

    /** A TensorProto with raw data. */
    private void initialiser(ParameterSpec p) {
        Protobuf tensor = new Protobuf();
        p.shape().forEach(dimension -> tensor.number(1, (long) dimension)); // dims
        tensor.number(2, FLOAT).text(8, p.name()); // data_type, name
        tensor.floats(9, p.count(), () -> model.values(p.name())); // raw_data
        graph.message(5, tensor); // initializer
    }

    /** A TensorProto of whole numbers. */
    private void initialiser(String name, long... values) {
        Protobuf tensor = new Protobuf().number(1, (long) values.length); // dims
        tensor.number(2, INT64); // data_type
        for (long value : values) {
            tensor.number(7, value); // int64_data
        }
        graph.message(5, tensor.text(8, name)); // name
    }

    // ---------------------------------------------------------------- the graph

    /** The smallest height and width of images that leave a pixel behind every transition. */
    static int leastSide(DenseNetSpec spec) {
        int leastOfBlocks = 1 << spec.layersPerBlock().size() - 1;
        return spec.stem() == Stem.IMAGENET ? 4 * leastOfBlocks - 3 : leastOfBlocks;
    }

    /**
     * The images. Where their size is free, an operator fails for those that the network is too
     * deep for, with the sizes in its message: ONNX Runtime pools a single row or column without a
     * word, and computes numbers that no other framework does. Images are reshaped to the larger of
     * their size and the least, which nothing else than their own size can be.
     */
    private String images() {
        int least = leastSide(model.spec());
        if (options.fixedSize() || least == 1) {
            return "images";
        }
        initialiser("images.least_shape", 1, 1, least, least);
        String size = node("Shape", "images.shape", List.of("images"));
        String target = node("Max", "images.checked_shape", List.of(size, "images.least_shape"));
        return node(
                "Reshape",
                "images_of_at_least_" + least + "x" + least + "_pixels",
                List.of("images", target));
    }

    private String stem(String images) {
        boolean imageNet = model.spec().stem() == Stem.IMAGENET;
        String x =
                convolution(
                        "features.conv0",
                        images,
                        shape.stem().kernel(),
                        shape.stem().stride(),
                        shape.stem().padding());
        if (imageNet) {
            x = normRelu("features.norm0", x);
            x =
                    node(
                            "MaxPool",
                            "features.pool0",
                            List.of(x),
                            ints("kernel_shape", 3, 3),
                            ints("strides", 2, 2),
                            ints("pads", 1, 1, 1, 1));
        }
        return x;
    }

    private String blocks(String stem) {
        String x = stem;
        for (BlockShape block : shape.blocks()) {
            for (LayerShape layer : block.layers()) {
                String name = "features.denseblock" + block.index() + ".denselayer" + layer.index();
                String y = normRelu(name + ".norm1", x);
                if (model.spec().hasBottleneck()) {
                    y = convolution(name + ".conv1", y, 1, 1, 0);
                    y = normRelu(name + ".norm2", y);
                    y = convolution(name + ".conv2", y, 3, 1, 1);
                } else {
                    y = convolution(name + ".conv1", y, 3, 1, 1);
                }
                x = node("Concat", name + ".concat", List.of(x, y), integer("axis", 1));
            }
            if (block.index() < shape.blocks().size()) {
                String name = "features.transition" + block.index();
                x = normRelu(name + ".norm", x);
                x = convolution(name + ".conv", x, 1, 1, 0);
                x =
                        node(
                                "AveragePool",
                                name + ".pool",
                                List.of(x),
                                ints("kernel_shape", 2, 2),
                                ints("strides", 2, 2));
            }
        }
        return x;
    }

    private void head(String features) {
        String x = normRelu("features.norm5", features);
        x = node("GlobalAveragePool", "pool", List.of(x));
        x = node("Flatten", "flatten", List.of(x), integer("axis", 1));
        node(
                "Gemm",
                "classifier",
                "logits",
                List.of(x, "classifier.weight", "classifier.bias"),
                integer("transB", 1));
        if (options.probabilities()) {
            node("Softmax", "softmax", "probabilities", List.of("logits"), integer("axis", 1));
        }
    }

    private String convolution(String name, String x, int kernel, int stride, int padding) {
        return node(
                "Conv",
                name,
                List.of(x, name + ".weight"),
                ints("kernel_shape", kernel, kernel),
                ints("strides", stride, stride),
                ints("pads", padding, padding, padding, padding));
    }

    private String normRelu(String name, String x) {
        String normalised =
                node(
                        "BatchNormalization",
                        name,
                        List.of(
                                x,
                                name + ".weight",
                                name + ".bias",
                                name + ".running_mean",
                                name + ".running_var"),
                        new Protobuf()
                                .text(1, "epsilon")
                                .number(2, (float) model.spec().bnEpsilon()) // f
                                .number(20, 1)); // type: FLOAT
        return node("Relu", name + ".relu", List.of(normalised));
    }

    private String node(String type, String name, List<String> inputs, Protobuf... attributes) {
        return node(type, name, name + ".out", inputs, attributes);
    }

    /** Adds a NodeProto. */
    private String node(
            String type, String name, String output, List<String> inputs, Protobuf... attributes) {
        Protobuf node = new Protobuf();
        inputs.forEach(input -> node.text(1, input)); // input
        node.text(2, output).text(3, name).text(4, type); // output, name, op_type
        for (Protobuf attribute : attributes) {
            node.message(5, attribute); // attribute
        }
        graph.message(1, node); // node
        return output;
    }

    private static Protobuf integer(String name, long value) {
        return new Protobuf().text(1, name).number(3, value).number(20, 2); // i, type: INT
    }

    private static Protobuf ints(String name, long... values) {
        Protobuf attribute = new Protobuf().text(1, name);
        for (long value : values) {
            attribute.number(8, value); // ints
        }
        return attribute.number(20, 7); // type: INTS
    }
}
