package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedWeights;
import org.densenet4j.plan.BottleneckConvolutionMemory;
import org.densenet4j.plan.Chunk;

/**
 * The 3x3 half of a dense layer with a bottleneck where a chunk's T and Y lie in scratch memory.
 */
abstract sealed class ChunkedBottleneckConvolution extends BottleneckConvolution
        permits WholeBottleneckConvolution, BandedBottleneckConvolution {
    final Convolution convolution;
    final LaneSums weightSums;
    private final BottleneckConvolutionMemory memory;

    ChunkedBottleneckConvolution(
            Compute compute,
            BottleneckConvolutionMemory memory,
            GroupedWeights weights,
            BatchNormalisation norm,
            NewColumns target) {
        super(compute, weights, norm, target);
        this.memory = memory;
        this.convolution = compute.arena().convolution(memory.shape());
        this.weightSums = LaneSums.rows(kernels, memory.scratch().weightSums());
    }

    @Override
    final PackedWeights prepared() {
        return convolution;
    }

    @Override
    final void forward(Pass pass, Matrix z, Matrix partials) {
        Dropout dropout = target.dropout(pass);
        compute.forEachChunk(
                memory.chunks(),
                pass,
                (lane, chunk) -> target.append(convolve(lane, chunk, z), chunk, dropout, partials));
    }

    @Override
    final Matrix packedWeights() {
        return memory.scratch().packedWeights();
    }

    @Override
    final void backward(Pass pass, Matrix z, Matrix dT, Matrix partials) {
        weightSums.begin();
        backwardChunks(pass, z, dT, partials);
    }

    /** Chunk by chunk; weight gradients are added to {@link #weightSums}. */
    abstract void backwardChunks(Pass pass, Matrix z, Matrix dT, Matrix partials);

    @Override
    final void finishWeightGradient(Compute.LaneTask beside) {
        compute.reduce(
                weightSums,
                memory.scratch().weightSums(),
                convolution,
                weights.gradientOfWhole(),
                beside);
        weights.finishGradient();
    }

    /** Y of a chunk. */
    abstract Matrix convolve(int lane, Chunk chunk, Matrix z);
}
