package org.densenet4j.reference;

import org.densenet4j.engine.OptimiserStep.Decayed;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.ParameterSpec.Role;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Parameters, gradients, running statistics and what optimisers remember, by name, in PyTorch's
 * layout.
 */
final class Tensors {
    private final Map<String, double[]> parameters = new HashMap<>();
    private final Map<String, double[]> gradients = new HashMap<>();
    private final Map<String, Role> roles = new HashMap<>();
    private final Map<String, double[]> velocities = new HashMap<>();
    private final Map<String, double[]> squares = new HashMap<>();
    private final Map<String, double[]> means = new HashMap<>();
    private final Map<String, double[]> running = new HashMap<>();
    private final Rounding rounding;

    Tensors(Graph graph, Rounding rounding) {
        this.rounding = rounding;
        for (ParameterSpec p : graph.parameters()) {
            parameters.put(p.name(), new double[(int) p.count()]);
            gradients.put(p.name(), new double[(int) p.count()]);
            roles.put(p.name(), p.role());
        }
        for (ParameterSpec p : graph.runningStatistics()) {
            running.put(p.name(), new double[(int) p.count()]);
        }
    }

    double[] parameter(String name) {
        return parameters.get(name);
    }

    double[] gradient(String name) {
        return gradients.get(name);
    }

    double[] running(String name) {
        return running.get(name);
    }

    void zeroGradients() {
        gradients.values().forEach(g -> Arrays.fill(g, 0));
    }

    /** PyTorch's SGD without dampening. */
    void sgd(double rate, double momentum, boolean nesterov, double decay) {
        parameters.forEach(
                (name, p) -> {
                    double[] g = gradients.get(name);
                    boolean first = !velocities.containsKey(name);
                    double[] v = velocities.computeIfAbsent(name, n -> new double[p.length]);
                    for (int i = 0; i < p.length; i++) {
                        double d = g[i] + decay * p[i];
                        v[i] = first ? d : momentum * v[i] + d;
                        p[i] -= rate * (nesterov ? d + momentum * v[i] : v[i]);
                    }
                    rounding.apply(v);
                    rounding.apply(p);
                });
    }

    /**
     * Tieleman and Hinton's RMSprop (2012, lecture 6.5): with d = g + decay·p,
     *
     * <pre>
     * r = rho·r + (1 − rho)·d²,  r = 0 at first
     * p = p − rate·d / (sqrt(r) + epsilon)    PyTorch's, or
     * p = p − rate·d / sqrt(r + epsilon)      Lasagne's, epsilon inside
     * </pre>
     */
    void rmsprop(
            double rate,
            double rho,
            double epsilon,
            boolean epsilonInside,
            double decay,
            Decayed decayed) {
        parameters.forEach(
                (name, p) -> {
                    double[] g = gradients.get(name);
                    double[] r = squares.computeIfAbsent(name, n -> new double[p.length]);
                    double ofThis = decays(roles.get(name), decayed) ? decay : 0;
                    for (int i = 0; i < p.length; i++) {
                        double d = g[i] + ofThis * p[i];
                        r[i] = rho * r[i] + (1 - rho) * d * d;
                        double root =
                                epsilonInside
                                        ? Math.sqrt(r[i] + epsilon)
                                        : Math.sqrt(r[i]) + epsilon;
                        p[i] -= rate * d / root;
                    }
                    rounding.apply(r);
                    rounding.apply(p);
                });
    }

    /**
     * Adam (Kingma and Ba 2015, algorithm 1), with weight decay in the gradient or decoupled from
     * it (Loshchilov and Hutter 2019, algorithm 2, with the rate as the schedule's factor).
     */
    void adam(
            double rate,
            double beta1,
            double beta2,
            double epsilon,
            boolean decoupled,
            double decay,
            Decayed decayed,
            long update) {
        parameters.forEach(
                (name, p) -> {
                    double[] g = gradients.get(name);
                    double[] m = means.computeIfAbsent(name, n -> new double[p.length]);
                    double[] r = squares.computeIfAbsent(name, n -> new double[p.length]);
                    double ofThis = decays(roles.get(name), decayed) ? decay : 0;
                    for (int i = 0; i < p.length; i++) {
                        double d = g[i] + (decoupled ? 0 : ofThis * p[i]);
                        m[i] = beta1 * m[i] + (1 - beta1) * d;
                        r[i] = beta2 * r[i] + (1 - beta2) * d * d;
                        double mean = m[i] / (1 - Math.pow(beta1, update));
                        double square = r[i] / (1 - Math.pow(beta2, update));
                        double shrunk = decoupled ? rate * ofThis * p[i] : 0;
                        p[i] -= shrunk + rate * mean / (Math.sqrt(square) + epsilon);
                    }
                    rounding.apply(m);
                    rounding.apply(r);
                    rounding.apply(p);
                });
    }

    private static boolean decays(Role role, Decayed decayed) {
        return switch (decayed) {
            case WEIGHTS -> role.isWeight();
            case WEIGHTS_AND_SCALES -> role.isWeight() || role.isScale();
            case ALL -> true;
        };
    }
}
