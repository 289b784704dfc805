package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedWeights;
import org.densenet4j.plan.BottleneckConvolutionMemory;

/**
 * The 3x3 half of a dense layer with a bottleneck, {@code Y = conv3x3(T)} with {@code T =
 * relu(bn2(Z))}, chunk by chunk.
 */
abstract sealed class BottleneckConvolution
        permits ChunkedBottleneckConvolution, AppendedBottleneckConvolution {
    final Compute compute;
    final Kernels kernels;
    final GroupedWeights weights;
    final BatchNormalisation norm;
    final NewColumns target;

    BottleneckConvolution(
            Compute compute, GroupedWeights weights, BatchNormalisation norm, NewColumns target) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.weights = weights;
        this.norm = norm;
        this.target = target;
    }

    /** Straight to the block, over chunks of images, or over bands of rows. */
    static BottleneckConvolution of(
            Compute compute,
            BottleneckConvolutionMemory memory,
            GroupedWeights weights,
            BatchNormalisation norm,
            NewColumns target) {
        return switch (memory) {
            case BottleneckConvolutionMemory.OfImages m ->
                    new WholeBottleneckConvolution(compute, m, weights, norm, target);
            case BottleneckConvolutionMemory.OfBands m ->
                    new BandedBottleneckConvolution(compute, m, weights, norm, target);
            case BottleneckConvolutionMemory.Appended m ->
                    new AppendedBottleneckConvolution(compute, m, weights, norm, target);
        };
    }

    /** What packs weights before a pass over chunks. */
    abstract PackedWeights prepared();

    /** Where they are packed. */
    abstract Matrix packedWeights();

    /** Packs weights for a forward pass, beside other work. */
    final void packForward(Compute.LaneTask beside) {
        compute.packForward(prepared(), weights.whole(), packedWeights(), beside);
    }

    /** Packs weights for a backward pass, beside other work. */
    final void packBackward(Compute.LaneTask beside) {
        compute.packBackward(prepared(), weights.whole(), packedWeights(), beside);
    }

    /**
     * Appends Y to X.
     *
     * @param z Z of the whole batch
     * @param partials two rows of Y's sums for each chunk
     */
    abstract void forward(Pass pass, Matrix z, Matrix partials);

    /**
     * From the finished gradient of Y to the weight gradient and the masked gradient dT.
     *
     * @param z Z of the whole batch
     * @param dT of the whole batch, to be written
     * @param partials two rows of dT's sums for each chunk
     */
    abstract void backward(Pass pass, Matrix z, Matrix dT, Matrix partials);

    /** Adds what the backward pass has summed to the weights' gradient, beside other work. */
    abstract void finishWeightGradient(Compute.LaneTask beside);
}
