package org.densenet4j.profile;

import org.densenet4j.io.Safetensors;
import org.densenet4j.plan.MemoryStrategy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * How closely two strategies agree on the same parameters and data.
 *
 * @param strategy the one that is compared
 * @param reference the one that it is compared with
 * @param lossDifference largest relative difference of the losses of all steps
 * @param gradientDifference largest difference of a gradient of the first step, relative to the
 *     largest value of its tensor
 * @param tensor where that is
 */
public record Agreement(
        MemoryStrategy strategy,
        MemoryStrategy reference,
        double lossDifference,
        double gradientDifference,
        String tensor) {

    /**
     * Compares losses and saved gradients.
     *
     * @param gradients safetensors file of the first step's gradients
     * @throws IOException when a file cannot be read
     */
    public static Agreement of(
            MemoryStrategy strategy,
            List<Double> losses,
            Path gradients,
            MemoryStrategy reference,
            List<Double> referenceLosses,
            Path referenceGradients)
            throws IOException {
        double loss = 0;
        for (int i = 0; i < Math.min(losses.size(), referenceLosses.size()); i++) {
            double expected = referenceLosses.get(i);
            loss = Math.max(loss, Math.abs(losses.get(i) - expected) / Math.abs(expected));
        }
        double worst = 0;
        String tensor = "";
        try (Safetensors ours = Safetensors.open(gradients);
                Safetensors theirs = Safetensors.open(referenceGradients)) {
            for (String name : theirs.names()) {
                double difference =
                        difference(ours.tensor(name).toFloats(), theirs.tensor(name).toFloats());
                if (difference > worst) {
                    worst = difference;
                    tensor = name;
                }
            }
        }
        return new Agreement(strategy, reference, loss, worst, tensor);
    }

    private static double difference(float[] values, float[] expected) {
        double largest = 0;
        double difference = 0;
        for (int i = 0; i < expected.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            difference = Math.max(difference, Math.abs(values[i] - expected[i]));
        }
        return difference == 0 ? 0 : difference / largest;
    }
}
