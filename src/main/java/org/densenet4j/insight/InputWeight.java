package org.densenet4j.insight;

import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.TransitionUp;

import java.util.Arrays;
import java.util.Optional;

/**
 * The weights with which a node reads features: those of its first convolution, or of its
 * classifier. A depthwise convolution has no weights between channels: of such a layer it is the
 * 1x1 convolution behind it.
 *
 * @param tensor [out, in, kh, kw] or [classes, in]; of a transposed convolution [in, out, kh, kw]
 * @param transposed whether it is of a transposed convolution
 */
record InputWeight(ParameterSpec tensor, boolean transposed) {
    /** Of a node; none where it has no weights, as pools and sums have not. */
    static Optional<InputWeight> of(Node node) {
        return node.parameters().stream()
                .filter(p -> p.role().isWeight() && !isDepthwise(node, p))
                .findFirst()
                .map(p -> new InputWeight(p, node instanceof TransitionUp));
    }

    private static boolean isDepthwise(Node node, ParameterSpec p) {
        return node instanceof DepthwiseLayer layer
                && p.name().equals(layer.depthwise() + ".weight");
    }

    String name() {
        return tensor.name();
    }

    int inputs() {
        return tensor.shape().get(transposed ? 0 : 1);
    }

    int outputs() {
        return tensor.shape().get(transposed ? 1 : 0);
    }

    /** Weights of an input channel for each output channel: kh·kw. */
    int taps() {
        return Math.toIntExact(tensor.count() / ((long) inputs() * outputs()));
    }

    private int input(int index) {
        return transposed ? index / (taps() * outputs()) : index / taps() % inputs();
    }

    /**
     * The L1 norm of each input channel's weights.
     *
     * @throws IllegalArgumentException when the values are not as many as the tensor has
     */
    double[] norms(float[] values) {
        if (values.length != tensor.count()) {
            throw new IllegalArgumentException(
                    name()
                            + " has "
                            + values.length
                            + " values, the network wants "
                            + outputs()
                            + "x"
                            + inputs()
                            + "x"
                            + taps());
        }
        double[] norms = new double[inputs()];
        for (int i = 0; i < values.length; i++) {
            norms[input(i)] += Math.abs(values[i]);
        }
        return norms;
    }

    /** Sets the weights of some input channels to zero. */
    void zero(float[] values, int firstChannel, int channels) {
        int taps = taps();
        if (transposed) {
            int each = outputs() * taps;
            Arrays.fill(values, firstChannel * each, (firstChannel + channels) * each, 0f);
            return;
        }
        for (int o = 0; o < outputs(); o++) {
            int from = (o * inputs() + firstChannel) * taps;
            Arrays.fill(values, from, from + channels * taps, 0f);
        }
    }
}
