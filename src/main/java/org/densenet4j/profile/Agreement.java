package org.densenet4j.profile;

import org.densenet4j.io.Safetensors;
import org.densenet4j.plan.MemoryStrategy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * How closely two strategies agree on the same parameters and data.
 *
 * <p>The difference of a tensor is relative to the root mean square of its own gradient, and at
 * least to a thousandth of that of all gradients' elements:
 *
 * <pre>
 * |a - b| / max(|b|, 0.001·|all|·sqrt(elements / elements of all))
 * </pre>
 *
 * A gradient that is zero but for rounding, such as that of a bias which only batch normalisations
 * read, has no norm of its own to compare with.
 *
 * @param strategy the one that is compared
 * @param reference the one that it is compared with
 * @param lossDifference largest relative difference of the losses of all steps
 * @param gradientDifference norm of the difference of the first step's gradients, relative to their
 *     norm, over all parameters
 * @param tensorDifference the largest difference of a tensor, as above
 * @param tensor that tensor
 */
public record Agreement(
        MemoryStrategy strategy,
        MemoryStrategy reference,
        double lossDifference,
        double gradientDifference,
        double tensorDifference,
        String tensor) {

    /** Part of all gradients' root mean square below which a tensor's own is rounding. */
    private static final double ZERO = 1e-3;

    /** Squared norms of a tensor and of its difference. */
    private record Squares(String tensor, long elements, double difference, double norm) {}

    /**
     * Compares losses and saved gradients.
     *
     * @param strategy the one that is compared
     * @param losses of its steps, from the first
     * @param gradients safetensors file of the first step's gradients
     * @param reference the one that it is compared with
     * @param referenceLosses of the reference's steps; more of one than of the other are left out
     * @param referenceGradients the same of the reference, with the same tensors
     * @return how far losses and gradients are from each other
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
        Objects.requireNonNull(strategy, "strategy");
        Objects.requireNonNull(losses, "losses");
        Objects.requireNonNull(gradients, "gradients");
        Objects.requireNonNull(reference, "reference");
        Objects.requireNonNull(referenceLosses, "referenceLosses");
        Objects.requireNonNull(referenceGradients, "referenceGradients");
        double loss = 0;
        for (int i = 0; i < Math.min(losses.size(), referenceLosses.size()); i++) {
            double expected = referenceLosses.get(i);
            loss = Math.max(loss, Math.abs(losses.get(i) - expected) / Math.abs(expected));
        }
        List<Squares> tensors = new ArrayList<>();
        try (Safetensors ours = Safetensors.open(gradients);
                Safetensors theirs = Safetensors.open(referenceGradients)) {
            for (String name : theirs.names()) {
                float[] expected = theirs.tensor(name).toFloats();
                tensors.add(
                        new Squares(
                                name,
                                expected.length,
                                squaredDistance(ours.tensor(name).toFloats(), expected),
                                squaredDistance(new float[expected.length], expected)));
            }
        }
        return of(strategy, reference, loss, tensors);
    }

    private static Agreement of(
            MemoryStrategy strategy,
            MemoryStrategy reference,
            double lossDifference,
            List<Squares> tensors) {
        double difference = tensors.stream().mapToDouble(Squares::difference).sum();
        double norm = tensors.stream().mapToDouble(Squares::norm).sum();
        long elements = tensors.stream().mapToLong(Squares::elements).sum();
        double worst = 0;
        String tensor = "";
        for (Squares t : tensors) {
            double least = ZERO * ZERO * norm * t.elements() / elements;
            double relative = relative(t.difference(), Math.max(t.norm(), least));
            if (relative > worst) {
                worst = relative;
                tensor = t.tensor();
            }
        }
        return new Agreement(
                strategy, reference, lossDifference, relative(difference, norm), worst, tensor);
    }

    private static double relative(double squaredDifference, double squaredNorm) {
        return squaredDifference == 0 ? 0 : Math.sqrt(squaredDifference / squaredNorm);
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
