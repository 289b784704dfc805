package org.densenet4j.parity;

import org.densenet4j.engine.Mode;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.reference.Kink;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.train.Sgd;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A training pass in double precision, and the same with every result rounded to {@value #BITS}
 * bits, along the same ReLUs: how much rounding moves each gradient where no ReLU changes sides.
 */
final class DoublePrecision {
    /**
     * Three bits fewer than single precision has. Over 40 random networks this moved gradients as
     * much as PyTorch's single precision is off by, whose sums of many products round at each.
     */
    static final int BITS = 21;

    /** Of the significand of double precision. */
    static final int ALL_BITS = 53;

    private final Graph graph;
    private final ReferenceNetwork exact;
    private final ReferenceNetwork rounded;
    private final CaseBatch batch;

    DoublePrecision(NetworkSpec spec, Map<String, double[]> weights, CaseBatch batch) {
        this.graph = spec.graph();
        this.exact = network(spec, weights, ALL_BITS);
        this.rounded = network(spec, weights, BITS);
        this.batch = batch;
    }

    /** A network with these weights. */
    static ReferenceNetwork network(NetworkSpec spec, Map<String, double[]> weights, int bits) {
        Graph graph = spec.graph();
        ReferenceNetwork network = new ReferenceNetwork(spec, bits);
        graph.parameters().forEach(p -> copy(weights, p, network.parameter(p.name())));
        graph.runningStatistics()
                .forEach(p -> copy(weights, p, network.runningStatistic(p.name())));
        return network;
    }

    private static void copy(Map<String, double[]> weights, ParameterSpec p, double[] to) {
        System.arraycopy(weights.get(p.name()), 0, to, 0, to.length);
    }

    /** Losses of a pass: exact, and rounded. */
    record Loss(double exact, double rounded) {}

    /** Forward and backward, along the ReLUs of double precision. */
    Loss pass() {
        exact.forward(batch.values(), Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
        rounded.forward(batch.values(), Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
        Loss loss = new Loss(exact.loss(batch.labels(), 0), rounded.loss(batch.labels(), 0));
        backward(List.of());
        return loss;
    }

    /** Backward again, with these the other way. */
    void backward(Collection<Kink> flipped) {
        exact.backward(exact.branches().flipped(flipped));
        rounded.backward(exact.branches().flipped(flipped));
    }

    /** Gradients of double precision alone, with these the other way. */
    Map<String, double[]> gradientsWith(Collection<Kink> flipped) {
        exact.backward(exact.branches().flipped(flipped));
        return gradients();
    }

    /**
     * By how much a ReLU that changes sides changes the gradient of the shift that is added to its
     * inputs, after a backward pass of double precision.
     */
    double[] jumps(List<Kink> kinksOfOneLayer) {
        double[] arriving = exact.arriving(kinksOfOneLayer.getFirst().layer());
        return kinksOfOneLayer.stream()
                .mapToDouble(
                        k ->
                                exact.branches().isOpen(k.layer(), k.element())
                                        ? -arriving[k.element()]
                                        : arriving[k.element()])
                .toArray();
    }

    /** Gradients of the last backward pass; of the images, channels last, under {@code input}. */
    Map<String, double[]> gradients() {
        return gradients(exact);
    }

    /** The same, rounded. */
    Map<String, double[]> roundedGradients() {
        return gradients(rounded);
    }

    private Map<String, double[]> gradients(ReferenceNetwork network) {
        Map<String, double[]> gradients = new LinkedHashMap<>();
        graph.parameters()
                .forEach(p -> gradients.put(p.name(), network.gradient(p.name()).clone()));
        gradients.put("input", network.inputGradient().clone());
        return gradients;
    }

    /** The parameters whose gradients show kinks. */
    KinkWitnesses witnesses() {
        return KinkWitnesses.of(graph);
    }

    /** Layers that {@link #kinks} may name, in the order of the forward pass. */
    List<String> layers() {
        return List.copyOf(exact.margins().keySet());
    }

    /** Where the last forward pass is within rounding of a kink. */
    Kinks kinks() {
        return Kinks.of(exact.margins(), rounded.margins());
    }

    /** Both take a step along their own gradients. */
    void step(Sgd sgd) {
        for (ReferenceNetwork network : List.of(exact, rounded)) {
            network.sgd(sgd.learningRate(), sgd.momentum(), sgd.nesterov(), sgd.weightDecay());
        }
    }

    /** Parameters in double precision. */
    Map<String, double[]> parameters() {
        return parameters(exact);
    }

    /** The same, rounded. */
    Map<String, double[]> roundedParameters() {
        return parameters(rounded);
    }

    private Map<String, double[]> parameters(ReferenceNetwork network) {
        Map<String, double[]> values = new LinkedHashMap<>();
        graph.parameters().forEach(p -> values.put(p.name(), network.parameter(p.name()).clone()));
        return values;
    }
}
