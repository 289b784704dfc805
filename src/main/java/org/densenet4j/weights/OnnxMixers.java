package org.densenet4j.weights;

import static org.densenet4j.weights.OnnxGraph.integer;
import static org.densenet4j.weights.OnnxGraph.ints;
import static org.densenet4j.weights.OnnxGraph.real;

import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.L2Norm;
import org.densenet4j.graph.LayerNorm;
import org.densenet4j.graph.PatchConvolution;

import java.util.List;

/**
 * Depthwise layers and normalisations of each pixel as ONNX operators: of those that every opset
 * from 13 on has, since layer normalisation (opset 17) and GELU (opset 20) came later, and the
 * former normalises trailing axes only.
 */
final class OnnxMixers {
    private final OnnxGraph graph;

    OnnxMixers(OnnxGraph graph) {
        this.graph = graph;
    }

    private String node(String type, String name, String... inputs) {
        return graph.node(type, name, List.of(inputs));
    }

    /** A number. */
    private String number(String name, float value) {
        graph.floats(name, List.of(1), () -> new float[] {value});
        return name;
    }

    /**
     * Layer normalisation of axis 1.
     *
     * @param image whether height and width follow it
     */
    String layerNorm(String x, LayerNorm norm, boolean image) {
        String name = norm.name();
        String mean = graph.mean(name + ".mean", x, true, 1);
        String difference = node("Sub", name + ".difference", x, mean);
        String square = node("Mul", name + ".square", difference, difference);
        String variance = graph.mean(name + ".variance", square, true, 1);
        String epsilon = number(name + ".epsilon", (float) norm.epsilon());
        String sum = node("Add", name + ".variance_epsilon", variance, epsilon);
        String deviation = node("Sqrt", name + ".deviation", sum);
        String normalised = node("Div", name + ".normalised", difference, deviation);
        String scaled =
                node("Mul", name + ".scaled", normalised, channels(name + ".weight", image));
        return node("Add", name, scaled, channels(name + ".bias", image));
    }

    /** L2 normalisation of axis 1; the sum of squares is so many times their mean. */
    String l2Norm(String x, L2Norm norm, int channels) {
        String name = norm.name();
        String square = node("Mul", name + ".square", x, x);
        String mean = graph.mean(name + ".mean", square, true, 1);
        String sum = node("Mul", name + ".sum", mean, number(name + ".count", channels));
        String epsilon = number(name + ".epsilon", (float) norm.epsilon());
        String root =
                node("Sqrt", name + ".norm", node("Add", name + ".sum_epsilon", sum, epsilon));
        String normalised = node("Div", name + ".normalised", x, root);
        return node("Mul", name, normalised, channels(name + ".weight", true));
    }

    /** A vector beside an axis of channels. */
    private String channels(String vector, boolean image) {
        return image
                ? node("Unsqueeze", vector + ".channels", vector, graph.constant(1, 2))
                : vector;
    }

    /** {@code x/2·(1 + erf(x/√2))}. */
    private String gelu(String x, String name) {
        String root = number(name + ".root", (float) Math.sqrt(0.5));
        String share = node("Mul", name + ".share", x, root);
        String error = node("Erf", name + ".erf", share);
        String twice = node("Add", name + ".twice", error, number(name + ".one", 1));
        String product = node("Mul", name + ".product", x, twice);
        return node("Mul", name, product, number(name + ".half", 0.5f));
    }

    String patchConvolution(PatchConvolution n, String x) {
        String name = n.convolution();
        String a = n.normalisesInput() ? layerNorm(x, n.norm(), true) : x;
        String y =
                graph.node(
                        "Conv",
                        name,
                        List.of(a, name + ".weight", name + ".bias"),
                        ints("kernel_shape", n.patch(), n.patch()),
                        ints("strides", n.patch(), n.patch()),
                        ints("pads", 0, 0, 0, 0));
        return n.normalisesInput() ? y : layerNorm(y, n.norm(), true);
    }

    String depthwiseLayer(DepthwiseLayer n, String x) {
        int p = n.kernel() / 2;
        String mixed =
                graph.node(
                        "Conv",
                        n.depthwise(),
                        List.of(x, n.depthwise() + ".weight", n.depthwise() + ".bias"),
                        ints("kernel_shape", n.kernel(), n.kernel()),
                        ints("strides", 1, 1),
                        ints("pads", p, p, p, p),
                        integer("group", n.prefixChannels()));
        String h = point(n.expansion(), layerNorm(mixed, n.norm(), true));
        String y = point(n.projection(), gelu(h, n.expansion() + ".gelu"));
        if (n.gate().isPresent()) {
            String name = n.gate().get();
            String means = node("GlobalAveragePool", name + ".pool", y);
            String gate =
                    graph.node(
                            "HardSigmoid",
                            name + ".sigmoid",
                            List.of(point(name, means)),
                            real("alpha", 1 / 6.0),
                            real("beta", 0.5));
            y = node("Mul", name + ".gated", y, gate);
        }
        return node("Mul", n.scale() + ".scaled", y, channels(n.scale(), true));
    }

    private String point(String name, String x) {
        return graph.node(
                "Conv",
                name,
                List.of(x, name + ".weight", name + ".bias"),
                ints("kernel_shape", 1, 1),
                ints("strides", 1, 1),
                ints("pads", 0, 0, 0, 0));
    }
}
