package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BottleneckConvolutionMemory;
import org.densenet4j.plan.Chunk;

/** The 3x3 half of a dense layer with a bottleneck over chunks of whole images. */
final class WholeBottleneckConvolution extends ChunkedBottleneckConvolution {
    private final BottleneckConvolutionMemory.OfImages memory;

    WholeBottleneckConvolution(
            Compute compute,
            BottleneckConvolutionMemory.OfImages memory,
            GroupedWeights weights,
            BatchNormalisation norm,
            NewColumns target) {
        super(compute, memory, weights, norm, target);
        this.memory = memory;
    }

    /** The chunk of Z that a chunk of the output is made of. */
    private Chunk inner(Chunk chunk) {
        return chunk.ofPixels(memory.inner().rowsPerImage());
    }

    @Override
    Matrix convolve(int lane, Chunk chunk, Matrix z) {
        Matrix y = chunk.in(memory.output()[lane]);
        convolution.forward(
                kernels,
                lane,
                chunk.images(),
                inner(chunk).of(z),
                norm.affine(),
                inner(chunk).in(memory.normalised()[lane]),
                memory.scratch().packedWeights(),
                y);
        return y;
    }

    @Override
    void backwardChunks(Pass pass, Matrix z, Matrix dT, Matrix partials) {
        Dropout dropout = target.dropout(pass);
        Matrix statistics = norm.statistics(pass, 0);
        compute.forEachChunk(
                memory.chunks(),
                pass,
                (lane, chunk) -> {
                    Matrix dY = chunk.in(memory.output()[lane]);
                    Matrix zChunk = inner(chunk).of(z);
                    Matrix dTChunk = inner(chunk).of(dT);
                    target.gradient(chunk, dropout, dY);
                    convolution.backwardWeights(
                            kernels,
                            lane,
                            chunk.images(),
                            zChunk,
                            norm.affine(),
                            inner(chunk).in(memory.normalised()[lane]),
                            dY,
                            memory.scratch().weightPart()[lane],
                            weightSums.of(lane));
                    convolution.backwardData(
                            lane, chunk.images(), dY, memory.scratch().packedWeights(), dTChunk);
                    kernels.maskRelu(
                            dTChunk, zChunk, norm.affine(), statistics, chunk.partial(partials));
                });
    }
}
