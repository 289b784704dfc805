package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.ParameterSpec;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Learned group convolutions (Huang et al. 2018, arXiv 1711.09224, section 3.1). Each has a mask in
 * device memory, which a recorded pass reads: gradients are multiplied by it behind every backward
 * pass, and weights behind every update, so that a pass finds zeros where inputs were taken away
 * and needs no mask itself.
 *
 * <p>The authors leave such weights as they are and multiply by the mask in every forward pass.
 * Nothing reads them there either, and nothing brings them back.
 */
final class Condensation {
    private final Compute compute;
    private final Kernels kernels;
    private final List<Map.Entry<LearnedGroups, Matrix>> masks;

    /** How often inputs were taken away, as far as it is known on the host. */
    private final Map<LearnedGroups, Integer> stages = new HashMap<>();

    Condensation(Compute compute) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.masks = List.copyOf(compute.memory().masks().entrySet());
    }

    /** Queues masks that keep everything. */
    void begin() {
        masks.forEach(mask -> kernels.fill(mask.getValue(), 1));
    }

    /** Queues zeros for the gradients of what was taken away. */
    void maskGradients() {
        forEach(
                (learned, mask) ->
                        kernels.multiply(flat(compute.weightGradient(learned.weight())), mask));
    }

    /** Queues zeros for the weights that were taken away. */
    void maskWeights() {
        forEach((learned, mask) -> kernels.multiply(flat(compute.weight(learned.weight())), mask));
    }

    /** Queues zeros for those of one tensor, which need not have a mask. */
    void maskWeights(String weight) {
        masks.stream()
                .filter(mask -> mask.getKey().weight().equals(weight))
                .forEach(mask -> kernels.multiply(flat(compute.weight(weight)), mask.getValue()));
    }

    /** Queues the gradient of a group lasso, which is added to what is there. */
    void addGroupLasso(float strength) {
        forEach(
                (learned, mask) ->
                        kernels.addGroupLasso(
                                compute.weight(learned.weight()),
                                learned.groups(),
                                strength,
                                compute.weightGradient(learned.weight())));
    }

    /** What is done to one weight. */
    private interface Work {
        void run(LearnedGroups learned, Matrix mask);
    }

    private void forEach(Work work) {
        if (!masks.isEmpty()) {
            compute.forEachChunk(
                    masks.size(),
                    (lane, i) -> work.run(masks.get(i).getKey(), masks.get(i).getValue()));
        }
    }

    private static Matrix flat(Matrix dense) {
        return dense.reshaped(1, dense.rows() * dense.columns());
    }

    /** The masks, by what they are of. */
    List<Map.Entry<LearnedGroups, Matrix>> masks() {
        return masks;
    }

    /** How often inputs were taken away. */
    int stage(LearnedGroups learned) {
        return stages.getOrDefault(learned, 0);
    }

    /** Notes what a mask that was set leaves; a stage that is half over is not. */
    void stageOf(LearnedGroups learned, ParameterSpec shape, float[] mask) {
        int share = shape.shape().get(1) / learned.factor();
        stages.put(learned, Math.min(learned.factor() - 1, learned.taken(shape, mask) / share));
    }

    /**
     * A mask after inputs were taken away: in each group those with the smallest sums of magnitudes
     * over its outputs, until a stage's share is left.
     *
     * @param weights of this shape, zero where they were taken away before
     * @param mask as it is; never changed
     * @param stage as {@link LearnedGroups#stage} has it
     */
    static float[] condensed(
            LearnedGroups learned, ParameterSpec shape, float[] weights, float[] mask, int stage) {
        int outputs = shape.shape().get(0);
        int inputs = shape.shape().get(1);
        int left = inputs / learned.factor() * (learned.factor() - stage);
        float[] result = mask.clone();
        for (int group = 0; group < learned.groups(); group++) {
            int first = group;
            double[] importance = new double[inputs];
            for (int o = first; o < outputs; o += learned.groups()) {
                for (int i = 0; i < inputs; i++) {
                    importance[i] += Math.abs(weights[o * inputs + i]);
                }
            }
            int[] kept =
                    IntStream.range(0, inputs).filter(i -> mask[first * inputs + i] != 0).toArray();
            int away = Math.max(0, kept.length - left);
            int[] leastFirst =
                    Arrays.stream(kept)
                            .boxed()
                            .sorted(Comparator.comparingDouble(i -> importance[i]))
                            .mapToInt(Integer::intValue)
                            .toArray();
            for (int i : Arrays.copyOf(leastFirst, away)) {
                for (int o = first; o < outputs; o += learned.groups()) {
                    result[o * inputs + i] = 0;
                }
            }
        }
        return result;
    }
}
