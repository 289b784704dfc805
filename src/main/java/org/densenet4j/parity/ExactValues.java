package org.densenet4j.parity;

import org.densenet4j.engine.Mode;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.ParityCase;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.train.Sgd;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What double precision gives for everything that a case may record. A record that was computed in
 * double precision agrees with it to the last digits that it stores, whatever single precision
 * would be off by: what does not is wrong in the record.
 */
final class ExactValues {
    /** A record that half of its gradients are closer to than this was computed so. */
    private static final double COMPUTED_SO = 1e-7;

    /** What single precision, in which a record may be stored, loses of a value. */
    private static final double STORED = 1e-7;

    /** What a value may be off by, of how far training moved it ... */
    private static final double OF_CHANGE = 1e-6;

    /** ... and of the root mean square of that over its tensor. */
    private static final double OF_ALL_CHANGES = 1e-7;

    /** What is left of sums that should be zero. */
    private static final double ZERO = 1e-11;

    private static final String GRADIENTS = "train.grad.";
    private static final String STATISTICS = "train.running.";
    private static final String LOSSES = "sgd.losses";

    private final Map<String, double[]> exact = new LinkedHashMap<>();

    /** Values before training, of what training moves. */
    private final Map<String, double[]> before = new LinkedHashMap<>();

    private final int steps;

    private ExactValues(int steps) {
        this.steps = steps;
    }

    /** Computes them. */
    static ExactValues of(
            NetworkSpec spec, Map<String, double[]> weights, CaseBatch batch, Sgd sgd, int steps) {
        ExactValues values = new ExactValues(steps);
        Graph graph = spec.graph();
        ReferenceNetwork network = DoublePrecision.network(spec, weights, DoublePrecision.ALL_BITS);
        values.put(
                "eval.logits",
                network.forward(batch.values(), Mode.EVALUATE, ReferenceNetwork.Dropout.NONE));
        double[] losses = new double[Math.max(1, steps)];
        for (int step = 1; step <= losses.length; step++) {
            double[] logits =
                    network.forward(batch.values(), Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
            losses[step - 1] = network.loss(batch.labels(), 0);
            network.backward();
            if (step == 1) {
                values.pass(network, graph, logits, losses[0], weights);
            }
            if (step <= steps) {
                network.sgd(sgd.learningRate(), sgd.momentum(), sgd.nesterov(), sgd.weightDecay());
                for (ParameterSpec p : graph.parameters()) {
                    String name = "sgd" + step + "." + p.name();
                    values.put(name, network.parameter(p.name()));
                    values.before.put(name, weights.get(p.name()));
                }
            }
        }
        if (steps > 0) {
            values.put(LOSSES, losses);
        }
        return values;
    }

    private void pass(
            ReferenceNetwork network,
            Graph graph,
            double[] logits,
            double loss,
            Map<String, double[]> weights) {
        put("train.logits", logits);
        put("train.loss", new double[] {loss});
        for (ParameterSpec p : graph.parameters()) {
            put(GRADIENTS + p.name(), network.gradient(p.name()));
        }
        put(GRADIENTS + "input", network.inputGradient());
        for (ParameterSpec p : graph.runningStatistics()) {
            put(STATISTICS + p.name(), network.runningStatistic(p.name()));
            before.put(STATISTICS + p.name(), weights.get(p.name()));
        }
    }

    private void put(String name, double[] values) {
        exact.put(name, values.clone());
    }

    /** Tensors whose names begin so, by the rest of their names. */
    private Map<String, double[]> group(String prefix) {
        Map<String, double[]> group = new LinkedHashMap<>();
        exact.forEach(
                (name, values) -> {
                    if (name.startsWith(prefix)) {
                        group.put(name.substring(prefix.length()), values);
                    }
                });
        return group;
    }

    /** Gradients, by the parameters' names, and of the images under {@code input}. */
    Map<String, double[]> gradients() {
        return group(GRADIENTS);
    }

    /** Parameters after a step, by their names. */
    Map<String, double[]> parameters(int step) {
        return group("sgd" + step + ".");
    }

    /** Losses before each step; none without steps. */
    double[] losses() {
        return steps == 0 ? new double[0] : exact.get(LOSSES);
    }

    /** Whether a case was computed in double precision: half of its gradients agree with it. */
    boolean isHowItWasComputed(ParityCase parity, List<String> parameters) {
        double[] errors =
                parameters.stream()
                        .map(name -> GRADIENTS + name)
                        .mapToDouble(
                                name ->
                                        Difference.relative(
                                                parity.tensor(name).toDoubles(), exact.get(name)))
                        .sorted()
                        .toArray();
        return errors[errors.length / 2] <= COMPUTED_SO;
    }

    /**
     * What is wrong with a tensor of a record that was computed in double precision; empty where
     * nothing is.
     */
    String fault(String name, double[] recorded) {
        double[] values = exact.get(name);
        double[] from = before.getOrDefault(name, new double[values.length]);
        double squares = 0;
        for (int i = 0; i < values.length; i++) {
            squares += (values[i] - from[i]) * (values[i] - from[i]);
        }
        double rms = Math.sqrt(squares / values.length);
        int worst = 0;
        double most = 0;
        for (int i = 0; i < values.length; i++) {
            double allowed =
                    STORED * Math.abs(values[i])
                            + OF_CHANGE * Math.abs(values[i] - from[i])
                            + OF_ALL_CHANGES * rms
                            + ZERO;
            double share = Math.abs(recorded[i] - values[i]) / allowed;
            if (share > most || Double.isNaN(share)) {
                most = share;
                worst = i;
            }
        }
        return most <= 1
                ? ""
                : String.format(
                        Locale.ROOT,
                        "the record is off double precision by %.1e: it has %s where that gives %s",
                        Difference.relative(recorded, values),
                        digits(recorded[worst]),
                        digits(values[worst]));
    }

    private static String digits(double value) {
        return String.format(Locale.ROOT, "%.6g", value);
    }
}
