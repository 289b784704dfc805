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
    private final BottleneckConvolutionMemory memory;

    ChunkedBottleneckConvolution(
            Compute compute,
            BottleneckConvolutionMemory memory,
            BatchNormalisation norm,
            NewColumns target) {
        super(compute, norm, target);
        this.memory = memory;
        this.convolution = compute.arena().convolution(memory.shape());
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

    /** Y of a chunk. */
    abstract Matrix convolve(int lane, Chunk chunk, Matrix z);
}
