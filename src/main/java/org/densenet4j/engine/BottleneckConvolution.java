package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BottleneckConvolutionMemory;
import org.densenet4j.plan.Chunk;

/**
 * The 3x3 half of a dense layer with a bottleneck, {@code Y = conv3x3(T)} with {@code T =
 * relu(bn2(Z))}, chunk by chunk.
 */
abstract sealed class BottleneckConvolution
        permits WholeBottleneckConvolution, BandedBottleneckConvolution {
    final Compute compute;
    final Kernels kernels;
    final BatchNormalisation norm;
    final NewColumns target;
    final Convolution convolution;
    private final BottleneckConvolutionMemory memory;

    BottleneckConvolution(
            Compute compute,
            BottleneckConvolutionMemory memory,
            BatchNormalisation norm,
            NewColumns target) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.norm = norm;
        this.target = target;
        this.convolution = compute.arena().convolution(memory.shape());
    }

    /** Over chunks of images, or bands of rows. */
    static BottleneckConvolution of(
            Compute compute,
            BottleneckConvolutionMemory memory,
            BatchNormalisation norm,
            NewColumns target) {
        return switch (memory) {
            case BottleneckConvolutionMemory.OfImages m ->
                    new WholeBottleneckConvolution(compute, m, norm, target);
            case BottleneckConvolutionMemory.OfBands m ->
                    new BandedBottleneckConvolution(compute, m, norm, target);
        };
    }

    /** The convolution over one chunk, whose weights are packed before a pass. */
    final Convolution prepared() {
        return convolution;
    }

    /**
     * Appends Y to X.
     *
     * @param z Z of the whole batch
     * @param partials two rows of Y's sums for each chunk
     */
    final void forward(Pass pass, Matrix z, Matrix partials) {
        Dropout dropout = target.dropout(pass);
        compute.forEachChunk(
                memory.chunks(),
                pass,
                (lane, chunk) -> target.append(convolve(lane, chunk, z), chunk, dropout, partials));
    }

    /**
     * From the finished gradient of Y to the weight gradient and the masked gradient dT.
     *
     * @param z Z of the whole batch
     * @param dT of the whole batch, to be written
     * @param weightSums to which chunks add their weight gradients
     * @param partials two rows of dT's sums for each chunk
     */
    abstract void backward(Pass pass, Matrix z, Matrix dT, LaneSums weightSums, Matrix partials);

    /** Y of a chunk. */
    abstract Matrix convolve(int lane, Chunk chunk, Matrix z);
}
