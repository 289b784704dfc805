package org.densenet4j.reference;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.ParameterSpec;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** Parameters, gradients, velocities and running statistics by name, in PyTorch's layout. */
final class Tensors {
    private final Map<String, double[]> parameters = new HashMap<>();
    private final Map<String, double[]> gradients = new HashMap<>();
    private final Map<String, double[]> velocities = new HashMap<>();
    private final Map<String, double[]> running = new HashMap<>();
    private final Rounding rounding;

    Tensors(Graph graph, Rounding rounding) {
        this.rounding = rounding;
        for (ParameterSpec p : graph.parameters()) {
            parameters.put(p.name(), new double[(int) p.count()]);
            gradients.put(p.name(), new double[(int) p.count()]);
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
}
