package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;

import java.util.Optional;

/**
 * Memory of a convolution with batch normalisation and max-pool behind it.
 *
 * @param images chunks of images; the rows counted are those of the convolution's output
 * @param convolution over one chunk
 * @param convolved S, the convolution's output [N·H·W, C]; none where it is made again per chunk
 * @param statistics of S [3, C]
 * @param normalised the naive strategy's copy of the BN-ReLU output
 * @param source a chunk of what is read, and later its gradient; empty where that is done in place
 * @param output a chunk of the convolution's output
 * @param gradient a chunk of its gradient
 * @param pooledGradient a chunk of the pooled output's gradient
 * @param packedForBackward the weights for the gradient of what is read
 * @param partials two rows of sums for each chunk
 * @param norm of S
 * @param correction [3, C] of the pooled output's gradient
 */
public record PooledConvolutionMemory(
        PooledConvolution node,
        Chunks images,
        ConvolutionShape convolution,
        Optional<Matrix> convolved,
        Matrix statistics,
        Optional<Matrix> normalised,
        Matrix[] source,
        Matrix[] output,
        Matrix[] gradient,
        Matrix[] pooledGradient,
        ConvolutionScratch scratch,
        Matrix packedForBackward,
        Matrix partials,
        NormScratch norm,
        Matrix correction)
        implements NodeMemory {

    static PooledConvolutionMemory of(PooledConvolution node, Planner planner) {
        int channels = node.target().count();
        int pixels = node.convolvedHeight() * node.convolvedWidth();
        Matrix statistics = statistics(node, planner);
        Optional<Matrix> convolved = convolved(node, planner);
        Optional<Matrix> normalised =
                planner.naiveCopy(node, ".normalised", planner.rows(pixels), channels);
        Chunks images = planner.imageChunks(pixels, 2 * planner.bytes(channels));
        ConvolutionShape convolution =
                new ConvolutionShape(
                        images.imagesPerChunk(),
                        node.source().height(),
                        node.source().width(),
                        node.source().channels(),
                        channels,
                        node.window().kernel(),
                        node.window().stride(),
                        node.window().padding(),
                        planner.precision());
        int chunkRows = images.rowsPerChunk();
        int pooledRows = images.imagesPerChunk() * node.target().of().pixels();
        int in = node.source().channels();
        int inRows =
                planner.isWholeInput(node.source())
                        ? 0
                        : images.imagesPerChunk() * node.source().height() * node.source().width();
        Allocator.Frame frame = planner.allocator().frame();
        ConvolutionScratch scratch = ConvolutionScratch.in(frame, convolution, planner);
        return new PooledConvolutionMemory(
                node,
                images,
                convolution,
                convolved,
                statistics,
                normalised,
                frame.activations(inRows, in),
                frame.activations(chunkRows, channels),
                frame.activations(chunkRows, channels),
                frame.activations(pooledRows, channels),
                scratch,
                frame.vector(scratch.packedWeights().columns()),
                frame.vector(2 * images.count(planner.batch()) * channels),
                NormScratch.in(frame, channels),
                frame.matrix(3, channels));
    }

    /** Statistics of S. */
    static Matrix statistics(PooledConvolution node, Planner planner) {
        return planner.allocator()
                .matrix(
                        node.name() + ".statistics",
                        Category.FEATURES,
                        3,
                        node.target().count(),
                        planner.schedule().forward(node),
                        planner.schedule().backward(node));
    }

    /** S, where it is kept. */
    static Optional<Matrix> convolved(PooledConvolution node, Planner planner) {
        return planner.strategy() == MemoryStrategy.RECOMPUTE
                ? Optional.empty()
                : Optional.of(
                        planner.allocator()
                                .activations(
                                        node.name() + ".convolution",
                                        Category.FEATURES,
                                        planner.rows(
                                                node.convolvedHeight() * node.convolvedWidth()),
                                        node.target().count(),
                                        planner.schedule().forward(node),
                                        planner.schedule().backward(node)));
    }
}
