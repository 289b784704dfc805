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
        Allocator allocator = planner.allocator();
        int forward = planner.schedule().forward(node);
        int backward = planner.schedule().backward(node);
        int channels = node.target().count();
        int pixels = node.convolvedHeight() * node.convolvedWidth();
        int rows = planner.rows(pixels);
        Matrix statistics =
                allocator.matrix(
                        node.name() + ".statistics",
                        Category.FEATURES,
                        3,
                        channels,
                        forward,
                        backward);
        Optional<Matrix> convolved = Optional.empty();
        if (planner.strategy() != MemoryStrategy.RECOMPUTE) {
            convolved =
                    Optional.of(
                            allocator.activations(
                                    node.name() + ".convolution",
                                    Category.FEATURES,
                                    rows,
                                    channels,
                                    forward,
                                    backward));
        }
        Optional<Matrix> normalised = planner.naiveCopy(node, ".normalised", rows, channels);
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
        Allocator.Frame frame = allocator.frame();
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
}
