package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.plan.BandedPooledConvolutionInference;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.PooledConvolutionInference;
import org.densenet4j.plan.WholePooledConvolutionInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * The stem for large images: a convolution with its batch normalisation folded in, ReLU and
 * max-pool behind it. Where statistics are the batch's, every chunk is convolved twice: for them,
 * and again when they are known. How a chunk is worked on, as whole images or as a band of rows, is
 * up to the two subclasses.
 */
abstract sealed class PooledConvolutionStage implements InferenceStage
        permits WholePooledConvolutionStage, BandedPooledConvolutionStage {
    final InferenceDevice on;
    final PooledConvolution node;
    final Source source;
    final InnerNormalisation norm;
    final Convolution convolution;
    final Matrix weights;
    final Target target;
    private final Chunks chunks;
    private final Chunks outgoing;

    PooledConvolutionStage(
            InferenceDevice on, PooledConvolutionInference memory, WeightSource values)
            throws IOException {
        this.on = on;
        this.node = memory.node();
        this.chunks = memory.chunks();
        this.outgoing = memory.outgoing();
        this.source = Source.of(on, memory.source(), values);
        this.convolution = on.arena().convolution(memory.convolution());
        this.weights = memory.weights();
        this.target = new Target(on, memory.target());
        float[] kernels = values.values(node.convolution() + ".weight");
        float[] bias =
                node.bias()
                        ? values.values(node.convolution() + ".bias")
                        : new float[node.target().count()];
        this.norm =
                new InnerNormalisation(
                        on, memory.norm(), memory.statistics(), values, kernels, bias);
        on.pack(convolution, kernels, weights);
    }

    static PooledConvolutionStage of(
            InferenceDevice on, PooledConvolutionInference memory, WeightSource values)
            throws IOException {
        return switch (memory) {
            case WholePooledConvolutionInference m ->
                    new WholePooledConvolutionStage(on, m, values);
            case BandedPooledConvolutionInference m ->
                    new BandedPooledConvolutionStage(on, m, values);
        };
    }

    @Override
    public void forward(int images) {
        source.prepare();
        if (norm.isOfTheBatch()) {
            on.forEachChunk(
                    chunks, images, (lane, chunk) -> norm.take(convolve(lane, chunk), chunk));
            norm.finish(images, chunks);
        }
        on.forEachChunk(
                chunks,
                images,
                (lane, chunk) -> {
                    Chunk pooled = outgoing.chunk(chunk.index(), images);
                    pool(lane, chunk, target.of(pooled));
                    target.written(pooled);
                });
        target.finish(images, outgoing);
    }

    /** The convolution's output of a chunk. */
    abstract Matrix convolve(int lane, Chunk chunk);

    /** Convolves a chunk, takes it through ReLU and pool, and writes what comes out. */
    abstract void pool(int lane, Chunk chunk, Matrix out);
}
