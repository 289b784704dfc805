package org.densenet4j.engine;

import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BlockMemory;
import org.densenet4j.plan.Chunks;

/**
 * The naive strategy does not defer: the batch-norm correction of a block's last consumer is
 * applied to the whole gradient matrix at once, and all other consumers then add finished
 * gradients.
 */
final class FinishedGradient {
    private final Compute compute;
    private final BlockMemory block;
    private final Chunks chunks;
    private final Matrix scratch;

    FinishedGradient(Compute compute, BlockMemory block, Chunks chunks, Matrix scratch) {
        this.compute = compute;
        this.block = block;
        this.chunks = chunks;
        this.scratch = scratch;
    }

    void applyTo(Pass pass) {
        Matrix correction = scratch.reshaped(3, block.shape().totalChannels());
        compute.kernels()
                .deferredCorrection(
                        block.deferred(),
                        block.statistics(),
                        pass.images() * chunks.rowsPerImage(),
                        !pass.usesBatchStatistics(),
                        correction);
        compute.forEachChunk(
                chunks.count(pass.images()),
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    Matrix gradient = block.gradient().rows(first, rows);
                    compute.kernels()
                            .applyCorrection(
                                    gradient,
                                    block.features().rows(first, rows),
                                    correction,
                                    block.statistics(),
                                    false,
                                    gradient);
                });
    }
}
