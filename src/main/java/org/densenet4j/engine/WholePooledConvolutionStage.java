package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.WholePooledConvolutionMemory;

/** The stem for large images, over chunks of whole images. */
final class WholePooledConvolutionStage extends PooledConvolutionStage {
    private final WholePooledConvolutionMemory memory;
    private final int sourcePixels;

    WholePooledConvolutionStage(Compute compute, WholePooledConvolutionMemory memory) {
        super(compute, memory);
        this.memory = memory;
        this.sourcePixels = node.source().height() * node.source().width();
    }

    @Override
    Matrix convolve(int lane, Chunk chunk) {
        Matrix s = memory.stored().map(chunk::of).orElse(chunk.in(memory.output()[lane]));
        Chunk read = chunk.ofPixels(sourcePixels);
        convolution.forward(
                lane,
                chunk.images(),
                source.read(read, memory.source()[lane]),
                memory.scratch().packedWeights(),
                s);
        addBias(s);
        return s;
    }

    /** S of a chunk: stored, or made again. */
    private Matrix convolved(int lane, Chunk chunk) {
        return memory.stored().map(chunk::of).orElseGet(() -> convolve(lane, chunk));
    }

    @Override
    void pool(int lane, Chunk chunk, Matrix out) {
        Matrix s = convolved(lane, chunk);
        copy.keep(chunk, s, norm.affine());
        kernels.normaliseReluMaxPool(
                s,
                chunk.images(),
                node.convolvedHeight(),
                node.convolvedWidth(),
                norm.affine(),
                out);
    }

    /** The finished gradient of a chunk of the pooled output. */
    private Matrix pooledGradient(int lane, Chunk pooled) {
        Matrix dPooled = pooled.in(memory.pooledGradient()[lane]);
        target.gradient(pooled, Dropout.NONE, dPooled);
        return dPooled;
    }

    @Override
    void sumThroughPool(int lane, Chunk chunk, Chunk pooled, Matrix statistics, Matrix partial) {
        kernels.sumMaxPoolGradient(
                pooledGradient(lane, pooled),
                convolved(lane, chunk),
                chunk.images(),
                node.convolvedHeight(),
                node.convolvedWidth(),
                norm.affine(),
                statistics,
                chunk.in(memory.gradient()[lane]),
                partial);
    }

    @Override
    Matrix gradientThroughPool(
            int lane, Chunk chunk, Chunk pooled, Matrix statistics, Matrix correction) {
        Matrix dS = chunk.in(memory.gradient()[lane]);
        kernels.correctedMaxPoolGradient(
                pooledGradient(lane, pooled),
                convolved(lane, chunk),
                chunk.images(),
                node.convolvedHeight(),
                node.convolvedWidth(),
                norm.affine(),
                statistics,
                correction,
                dS);
        return dS;
    }

    @Override
    void prepareConvolutionBackward() {
        if (source.wantsGradient()) {
            compute.packBackward(convolution, weight, memory.packedForBackward());
        }
    }

    @Override
    void backwardConvolution(Pass pass, int lane, Chunk chunk, Matrix dS) {
        Chunk read = chunk.ofPixels(sourcePixels);
        convolution.backwardWeights(
                lane,
                chunk.images(),
                source.read(read, memory.source()[lane]),
                dS,
                memory.scratch().weightPart()[lane],
                weightSums.of(lane));
        if (source.wantsGradient()) {
            Matrix dX = source.gradient(read, memory.source()[lane]);
            convolution.backwardData(lane, chunk.images(), dS, memory.packedForBackward(), dX);
            source.accumulate(pass, read, dX, dX);
        }
    }
}
