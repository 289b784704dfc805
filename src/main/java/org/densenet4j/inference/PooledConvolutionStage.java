package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.PooledConvolutionInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * The stem for large images: a convolution with its batch normalisation folded in, ReLU and
 * max-pool behind it. Where statistics are the batch's, every chunk is convolved twice: for them,
 * and again when they are known.
 */
final class PooledConvolutionStage implements InferenceStage {
    private final InferenceDevice on;
    private final PooledConvolutionInference memory;
    private final Source source;
    private final int sourcePixels;
    private final int targetPixels;
    private final InnerNormalisation norm;
    private final Convolution convolution;
    private final Target target;

    PooledConvolutionStage(
            InferenceDevice on, PooledConvolutionInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source = Source.of(on, memory.source(), weights);
        this.sourcePixels = memory.node().source().height() * memory.node().source().width();
        this.targetPixels = memory.node().target().of().pixels();
        this.convolution = on.arena().convolution(memory.convolution());
        this.target = new Target(on, memory.target());
        float[] kernels = weights.values(memory.node().convolution() + ".weight");
        this.norm =
                new InnerNormalisation(on, memory.norm(), memory.statistics(), weights, kernels);
        on.pack(convolution, kernels, memory.weights());
    }

    @Override
    public void forward(int images) {
        source.prepare();
        if (norm.isOfTheBatch()) {
            on.forEachChunk(
                    memory.images(),
                    images,
                    (lane, chunk) -> norm.take(convolve(lane, chunk), chunk));
            norm.finish(images, memory.images());
        }
        on.forEachChunk(memory.images(), images, this::pool);
        target.finish(images, memory.images());
    }

    private Matrix convolve(int lane, Chunk chunk) {
        Matrix y = chunk.in(memory.output()[lane]);
        Matrix a = source.read(chunk.ofPixels(sourcePixels), memory.sourceChunk()[lane]);
        convolution.forward(lane, chunk.images(), a, memory.weights(), y);
        return y;
    }

    private void pool(int lane, Chunk chunk) {
        Chunk pooled = chunk.ofPixels(targetPixels);
        on.kernels()
                .normaliseReluMaxPool(
                        convolve(lane, chunk),
                        chunk.images(),
                        memory.node().convolvedHeight(),
                        memory.node().convolvedWidth(),
                        norm.affine(),
                        target.of(pooled));
        target.written(pooled);
    }
}
