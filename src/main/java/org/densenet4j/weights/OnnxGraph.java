package org.densenet4j.weights;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A GraphProto that is being put together: operators, whose names occur once, and initialisers. The
 * numbers are the fields of onnx/onnx.proto.
 */
final class OnnxGraph {
    static final long FLOAT = 1;
    private static final long INT64 = 7;

    private final Protobuf proto = new Protobuf();
    private final Set<String> names = new HashSet<>();
    private final Set<String> constants = new HashSet<>();
    private final int opset;

    OnnxGraph(int opset) {
        this.opset = opset;
    }

    Protobuf proto() {
        return proto;
    }

    // ---------------------------------------------------------------- operators

    /** Adds an operator with one output, whose name is returned. */
    String node(String type, String name, List<String> inputs, Protobuf... attributes) {
        String unique = unique(name);
        return node(type, unique, unique + ".out", inputs, attributes);
    }

    /** The same with an output of this name, which is one of the whole graph. */
    String output(
            String output, String type, String name, List<String> inputs, Protobuf... attributes) {
        return node(type, unique(name), output, inputs, attributes);
    }

    private String node(
            String type, String name, String output, List<String> inputs, Protobuf[] attributes) {
        Protobuf node = new Protobuf();
        inputs.forEach(input -> node.text(1, input)); // input
        node.text(2, output).text(3, name).text(4, type); // output, name, op_type
        for (Protobuf attribute : attributes) {
            node.message(5, attribute); // attribute
        }
        proto.message(1, node); // node
        return output;
    }

    private String unique(String name) {
        String free = name;
        for (int i = 2; !names.add(free); i++) {
            free = name + "." + i;
        }
        return free;
    }

    /** The part of a tensor between two places on one axis. */
    String slice(String name, String x, int axis, int from, int end) {
        return slice(name, x, constant(axis), constant(from), constant(end));
    }

    /** The part of a tensor between places on some axes, which are tensors of whole numbers. */
    String slice(String name, String x, String axes, String starts, String ends) {
        return node("Slice", name, List.of(x, starts, ends, axes));
    }

    /** Means over axes, which operators have as an input since 18 and as an attribute before. */
    String mean(String name, String x, boolean keepsAxes, long... axes) {
        Protobuf keeps = integer("keepdims", keepsAxes ? 1 : 0);
        return opset >= 18
                ? node("ReduceMean", name, List.of(x, constant(axes)), keeps)
                : node("ReduceMean", name, List.of(x), ints("axes", axes), keeps);
    }

    static Protobuf integer(String name, long value) {
        return new Protobuf().text(1, name).number(3, value).number(20, 2); // i, type: INT
    }

    static Protobuf real(String name, double value) {
        return new Protobuf()
                .text(1, name)
                .number(2, (float) value)
                .number(20, 1); // f, type: FLOAT
    }

    static Protobuf text(String name, String value) {
        return new Protobuf().text(1, name).text(4, value).number(20, 3); // s, type: STRING
    }

    static Protobuf ints(String name, long... values) {
        Protobuf attribute = new Protobuf().text(1, name);
        for (long value : values) {
            attribute.number(8, value); // ints
        }
        return attribute.number(20, 7); // type: INTS
    }

    // ---------------------------------------------------------------- initialisers

    /** A TensorProto of floats, which are asked for when they are written. */
    void floats(String name, List<Integer> shape, Protobuf.Floats values) {
        Protobuf tensor = new Protobuf();
        shape.forEach(dimension -> tensor.number(1, (long) dimension)); // dims
        tensor.number(2, FLOAT).text(8, name); // data_type, name
        long count = shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
        tensor.floats(9, count, values); // raw_data
        proto.message(5, tensor); // initializer
    }

    /** A TensorProto of whole numbers. */
    void integers(String name, long... values) {
        Protobuf tensor = new Protobuf().number(1, (long) values.length); // dims
        tensor.number(2, INT64); // data_type
        for (long value : values) {
            tensor.number(7, value); // int64_data
        }
        proto.message(5, tensor.text(8, name)); // name
    }

    /** Whole numbers that operators share: a tensor that is named after them. */
    String constant(long... values) {
        String name =
                Arrays.stream(values)
                        .mapToObj(Long::toString)
                        .collect(Collectors.joining("_", "integers_", ""));
        if (constants.add(name)) {
            integers(name, values);
        }
        return name;
    }
}
