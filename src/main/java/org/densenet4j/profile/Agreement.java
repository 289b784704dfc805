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
 * @param gradientDifference norm of the difference of the first step's gradients, relative to their
 *     norm, over all parameters
 * @param tensorDifference the same for the tensor where it is largest
 * @param tensor that tensor
 */
public record Agreement(
        MemoryStrategy strategy,
        MemoryStrategy reference,
        double lossDifference,
        double gradientDifference,
        double tensorDifference,
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
        double squaredDifference = 0;
        double squaredNorm = 0;
        double worst = 0;
        String tensor = "";
        try (Safetensors ours = Safetensors.open(gradients);
                Safetensors theirs = Safetensors.open(referenceGradients)) {
            for (String name : theirs.names()) {
                float[] expected = theirs.tensor(name).toFloats();
                double difference = squaredDistance(ours.tensor(name).toFloats(), expected);
                double norm = squaredDistance(new float[expected.length], expected);
                squaredDifference += difference;
                squaredNorm += norm;
                double relative = difference == 0 ? 0 : Math.sqrt(difference / norm);
                if (relative > worst) {
                    worst = relative;
                    tensor = name;
                }
            }
        }
        double all = squaredDifference == 0 ? 0 : Math.sqrt(squaredDifference / squaredNorm);
        return new Agreement(strategy, reference, loss, all, worst, tensor);
    }

    private static double squaredDistance(float[] values, float[] expected) {
        double sum = 0;
        for (int i = 0; i < expected.length; i++) {
            double difference = (double) values[i] - expected[i];
            sum += difference * difference;
        }
        return sum;
    }
}
