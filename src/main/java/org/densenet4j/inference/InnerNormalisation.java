package org.densenet4j.inference;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.InferenceNorm;
import org.densenet4j.plan.InnerStatistics;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * The batch normalisation between the operations of one node. With running statistics its scale is
 * folded into the weights of the convolution before it; with the batch's, those are taken first.
 */
final class InnerNormalisation {
    private final Kernels kernels;
    private final float epsilon;
    private final Matrix affine;
    private final Optional<OfBatch> ofBatch;

    /** What is needed where statistics are the batch's. */
    private record OfBatch(ChannelNormalisation norm, InnerStatistics memory) {}

    /**
     * A normalisation with its tensors.
     *
     * @param before weights [out, …] of the convolution before it, which the scale is folded into
     * @param bias of that convolution, which the shift takes up; statistics of the batch take it
     *     away again
     */
    InnerNormalisation(
            InferenceDevice on,
            InferenceNorm norm,
            Optional<InnerStatistics> statistics,
            WeightSource weights,
            float[] before,
            float[] bias)
            throws IOException {
        this.kernels = on.kernels();
        this.epsilon = (float) norm.norm().epsilon();
        this.affine = norm.affine();
        if (statistics.isPresent()) {
            Matrix ofAll = statistics.get().statistics();
            ChannelNormalisation channels =
                    new ChannelNormalisation(on, norm, List.of(ofAll), weights);
            this.ofBatch = Optional.of(new OfBatch(channels, statistics.get()));
        } else {
            FoldedNormalisation folded = FoldedNormalisation.of(weights, norm.norm());
            folded.foldInto(before);
            on.upload(folded.behind(bias).bias(), affine);
            this.ofBatch = Optional.empty();
        }
    }

    /** Whether statistics have to be taken of all images before any is normalised. */
    boolean isOfTheBatch() {
        return ofBatch.isPresent();
    }

    /** Takes the sums of a chunk. */
    void take(Matrix values, Chunk chunk) {
        ofBatch.ifPresent(
                b -> kernels.channelStatistics(values, chunk.partial(b.memory().partials())));
    }

    /** Makes {@link #affine} of the sums of all chunks. */
    void finish(int images, Chunks chunks) {
        ofBatch.ifPresent(
                b -> {
                    kernels.finishStatistics(
                            b.memory().partials().rows(0, 2 * chunks.count(images)),
                            chunks.rowsPerChunk(),
                            images * chunks.rowsPerImage(),
                            epsilon,
                            b.memory().statistics());
                    b.norm().prepare();
                });
    }

    /** Scale and shift [2, C]: ones and the shift where the scale is folded into weights. */
    Matrix affine() {
        return affine;
    }
}
