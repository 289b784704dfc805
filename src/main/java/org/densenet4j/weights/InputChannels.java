package org.densenet4j.weights;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.ParameterSpec.Role;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Convolutions that read images of another number of channels than those that they were trained on,
 * as timm's {@code adapt_input_conv} makes them: for grey images the weights of all channels are
 * summed, so that the network sees what it saw of colour images without colours; for more channels
 * those of red, green and blue are repeated in turns and scaled by 3/N, so that sums stay as large
 * as they were. Weights of grey images are repeated and scaled by 1/N.
 *
 * @param wanted the network's tensor
 * @param from input channels of the file's tensor
 */
record InputChannels(ParameterSpec wanted, int from) {
    private static final List<Integer> KNOWN = List.of(1, 3);

    /** The weights of a network that multiply images, by name. */
    static Map<String, ParameterSpec> readers(Graph graph) {
        Map<String, ParameterSpec> readers = new HashMap<>();
        for (Node node : graph.nodes()) {
            boolean readsImages =
                    node.reads().stream()
                            .flatMap(read -> read.ranges().stream())
                            .allMatch(range -> range.of() == graph.input());
            if (readsImages) {
                node.parameters().stream()
                        .filter(p -> p.role() == Role.CONV_WEIGHT)
                        .findFirst()
                        .ifPresent(p -> readers.put(p.name(), p));
            }
        }
        return readers;
    }

    /**
     * What makes a file's tensor one of the network.
     *
     * @param shape of the file's tensor
     * @return empty where the shapes differ in more than channels, or it is not known how
     */
    static Optional<InputChannels> of(ParameterSpec wanted, List<Long> shape) {
        if (!differ(wanted, shape)) {
            return Optional.empty();
        }
        List<Integer> to = wanted.shape();
        boolean sums = to.get(1) == 1 && shape.get(1) == 3;
        boolean repeats = KNOWN.contains(Math.toIntExact(shape.get(1))) && to.get(1) > 1;
        return sums || repeats
                ? Optional.of(new InputChannels(wanted, Math.toIntExact(shape.get(1))))
                : Optional.empty();
    }

    /** Whether the shapes differ in channels of the image alone. */
    private static boolean differ(ParameterSpec wanted, List<Long> shape) {
        List<Integer> to = wanted.shape();
        if (shape.size() != to.size()) {
            return false;
        }
        for (int i = 0; i < to.size(); i++) {
            if (i != 1 && shape.get(i) != to.get(i).longValue()) {
                return false;
            }
        }
        return true;
    }

    /**
     * Why a tensor does not fit, where that is the number of channels alone.
     *
     * @param adapting whether it was to be adapted
     */
    static Optional<String> refusal(ParameterSpec wanted, List<Long> shape, boolean adapting) {
        if (!differ(wanted, shape)) {
            return Optional.empty();
        }
        String what =
                "the weights are for images of "
                        + shape.get(1)
                        + (shape.get(1) == 1 ? " channel" : " channels")
                        + ", the network reads "
                        + wanted.shape().get(1);
        return Optional.of(
                what
                        + (adapting
                                ? "; only those for 1 or 3 channels can be adapted to another"
                                        + " number"
                                : "; training adapts them (LoadOptions.withAdaptedInput)"));
    }

    private int to() {
        return wanted.shape().get(1);
    }

    /**
     * The network's weights.
     *
     * @param weights of the file, [out, {@link #from}, kh, kw]
     * @return [out, in, kh, kw]
     */
    float[] adapted(float[] weights) {
        int to = to();
        int outputs = wanted.shape().getFirst();
        int kernel = Math.toIntExact(wanted.count() / outputs / to);
        float scale = to == 1 ? 1 : (float) from / to;
        float[] adapted = new float[Math.toIntExact(wanted.count())];
        for (int o = 0; o < outputs; o++) {
            // Of several channels that become one each adds, of one that becomes several each is.
            for (int c = 0; c < (to == 1 ? from : to); c++) {
                int source = (o * from + c % from) * kernel;
                int target = (o * to + c % to) * kernel;
                for (int k = 0; k < kernel; k++) {
                    adapted[target + k] += scale * weights[source + k];
                }
            }
        }
        return adapted;
    }

    @Override
    public String toString() {
        String how =
                to() == 1 ? "summed for images of 1" : "repeated and scaled for images of " + to();
        return wanted.name()
                + " of "
                + from
                + (from == 1 ? " channel" : " channels")
                + " is "
                + how;
    }
}
