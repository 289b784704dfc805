package org.densenet4j.inference;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.FiniteValues;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Weights of whatever source, each with the length and the kind of numbers that it must have, as
 * copies, which folding changes while the source may hand out its own.
 */
final class CheckedWeights implements WeightSource {
    private final WeightSource source;
    private final Map<String, ParameterSpec> wanted = new HashMap<>();

    CheckedWeights(WeightSource source, Graph graph) {
        this.source = source;
        for (List<ParameterSpec> tensors : List.of(graph.parameters(), graph.runningStatistics())) {
            tensors.forEach(p -> wanted.put(p.name(), p));
        }
    }

    /**
     * The values of a tensor.
     *
     * @throws IllegalArgumentException when they are of another network, not finite or negative
     *     variances
     */
    @Override
    public float[] values(String name) throws IOException {
        float[] values = source.values(name);
        ParameterSpec tensor = wanted.get(name);
        if (values == null || values.length != tensor.count()) {
            throw new IllegalArgumentException(
                    "the source has "
                            + (values == null ? "no" : values.length)
                            + " values for "
                            + name
                            + ", the network of the plan wants "
                            + tensor.shape());
        }
        int unfit = FiniteValues.firstUnfit(name, values);
        if (unfit >= 0) {
            throw new IllegalArgumentException(
                    "the source has "
                            + values[unfit]
                            + " in "
                            + name
                            + FiniteValues.whyUnfit(values[unfit]));
        }
        return values.clone();
    }
}
