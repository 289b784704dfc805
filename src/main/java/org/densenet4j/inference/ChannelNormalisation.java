package org.densenet4j.inference;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.InferenceNorm;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;
import java.util.List;

/**
 * One batch normalisation as scale and shift per channel: made once of running statistics, or, in
 * networks that evaluate so, in every pass of the batch's.
 */
final class ChannelNormalisation {
    private final Kernels kernels;
    private final InferenceNorm memory;
    private final List<Matrix> batchStatistics;

    /**
     * A normalisation with its tensors.
     *
     * @param batchStatistics [3, C] of each matrix that channels come from; empty where running
     *     statistics are used
     */
    ChannelNormalisation(
            InferenceDevice on,
            InferenceNorm memory,
            List<Matrix> batchStatistics,
            WeightSource weights)
            throws IOException {
        this.kernels = on.kernels();
        this.memory = memory;
        this.batchStatistics = batchStatistics;
        if (memory.parameters().isPresent()) {
            String name = memory.norm().name();
            on.upload(weights.values(name + ".weight"), memory.parameters().get().row(0));
            on.upload(weights.values(name + ".bias"), memory.parameters().get().row(1));
        } else {
            on.upload(
                    FoldedNormalisation.ofParts(weights, memory.parts()).affine(), memory.affine());
        }
    }

    /** Makes {@link #affine}, once the channels are there. */
    void prepare() {
        memory.parameters().ifPresent(this::foldBatchStatistics);
    }

    private void foldBatchStatistics(Matrix parameters) {
        int from = 0;
        for (Matrix statistics : batchStatistics) {
            int count = statistics.columns();
            Matrix gammaAndBeta = parameters.columns(from, count);
            kernels.foldNormalisation(
                    statistics,
                    gammaAndBeta.row(0),
                    gammaAndBeta.row(1),
                    memory.affine().columns(from, count));
            from += count;
        }
    }

    /** Scale and shift [2, C]. */
    Matrix affine() {
        return memory.affine();
    }
}
