package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;

import java.util.Optional;

/**
 * Memory of a convolution with batch normalisation and max-pool behind it, over chunks of images.
 *
 * @param node the node whose memory it is
 * @param chunks of images; the rows counted are those of the convolution's output
 * @param outgoing the same chunks of the pooled output
 * @param convolution over one chunk
 * @param stored S, the convolution's output [N·H·W, C]; none where it is made again per chunk
 * @param statistics of S [3, C]
 * @param normalised the naive strategy's copy of the BN-ReLU output
 * @param source a chunk of what is read, and later its gradient; empty where that is done in place
 * @param output a chunk of the convolution's output
 * @param gradient a chunk of its gradient
 * @param pooledGradient a chunk of the pooled output's gradient
 * @param scratch of the convolution
 * @param packedForBackward the weights for the gradient of what is read
 * @param partials two rows of sums for each chunk
 * @param norm of S
 * @param biasSums one sum of the bias gradient for each lane; without columns where there is none
 * @param correction [3, C] of the pooled output's gradient
 */
public record WholePooledConvolutionMemory(
        PooledConvolution node,
        Chunks chunks,
        Chunks outgoing,
        ConvolutionShape convolution,
        Optional<Matrix> stored,
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
        Matrix biasSums,
        Matrix correction)
        implements PooledConvolutionMemory {

    static WholePooledConvolutionMemory of(PooledConvolution node, Planner planner) {
        int channels = node.target().count();
        int pixels = node.convolvedHeight() * node.convolvedWidth();
        PooledConvolutionOutput kept = PooledConvolutionOutput.of(node, planner);
        Optional<Matrix> normalised =
                planner.naiveCopy(node, ".normalised", planner.rows(pixels), channels);
        Chunks chunks = planner.imageChunks(pixels, 2 * planner.bytes(channels));
        ConvolutionShape convolution =
                planner.convolution(
                        chunks.imagesPerChunk(),
                        node.source().height(),
                        node.source().width(),
                        node.source().channels(),
                        channels,
                        node.window());
        int chunkRows = chunks.rowsPerChunk();
        Chunks outgoing = chunks.ofPixels(node.target().of().pixels());
        int in = node.source().channels();
        int inRows =
                planner.isWholeInput(node.source())
                        ? 0
                        : chunks.imagesPerChunk() * node.source().height() * node.source().width();
        Allocator.Frame frame = planner.allocator().frame();
        ConvolutionScratch scratch = ConvolutionScratch.in(frame, convolution, planner);
        return new WholePooledConvolutionMemory(
                node,
                chunks,
                outgoing,
                convolution,
                kept.stored(),
                kept.statistics(),
                normalised,
                frame.activations(inRows, in),
                frame.activations(chunkRows, channels),
                frame.activations(chunkRows, channels),
                frame.activations(outgoing.rowsPerChunk(), channels),
                scratch,
                frame.vector(scratch.packedWeights().columns()),
                frame.vector(2 * chunks.count(planner.batch()) * channels),
                NormScratch.in(frame, channels),
                frame.rowPerLane(node.bias() ? channels : 0),
                frame.matrix(3, channels));
    }
}
