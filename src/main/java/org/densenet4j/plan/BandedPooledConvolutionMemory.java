package org.densenet4j.plan;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;

import java.util.Optional;

/**
 * Memory of a convolution with batch normalisation and max-pool behind it, whose images are worked
 * on in bands of rows.
 *
 * @param node the node whose memory it is
 * @param convolved bands of the convolution's output
 * @param outgoing the same bands of the pooled output, half as high
 * @param convolution over one band
 * @param stored S, the convolution's output [N·H·W, C]; none where it is made again per band
 * @param statistics of S [3, C]
 * @param normalised the naive strategy's copy of the BN-ReLU output
 * @param source what is read for a band, dense, in each lane
 * @param output what comes out of the convolution for a band
 * @param gradient S's gradient of a band, with {@link #gradientAbove} rows of pixels above it
 * @param pooled a band of the pooled output, or of its gradient, with a row above and below
 * @param scratch of the convolution
 * @param partials two rows of sums for each band
 * @param norm of S
 * @param biasSums one sum of the bias gradient for each lane; without columns where there is none
 * @param correction [3, C] of the pooled output's gradient
 */
public record BandedPooledConvolutionMemory(
        PooledConvolution node,
        ConvolvedBands convolved,
        Chunks outgoing,
        ConvolutionShape convolution,
        Optional<Matrix> stored,
        Matrix statistics,
        Optional<Matrix> normalised,
        Matrix[] source,
        Matrix[] output,
        Matrix[] gradient,
        Matrix[] pooled,
        ConvolutionScratch scratch,
        Matrix partials,
        NormScratch norm,
        Matrix biasSums,
        Matrix correction)
        implements PooledConvolutionMemory {
    /** Rows of pixels of S above and below a band that its gradient depends on. */
    public static final int HALO = 2;

    /**
     * Bands, where an image does not fit, the pool halves the height, and nobody wants the gradient
     * of what is read, to which neighbouring bands would add.
     */
    static Optional<Bands> bands(
            PooledConvolution node, boolean wantsSourceGradient, NodePlanner planner) {
        return wantsSourceGradient
                ? Optional.empty()
                : planner.bands(
                        node.convolvedHeight(),
                        node.convolvedWidth(),
                        planner.bytes(node.target().count()),
                        2);
    }

    static BandedPooledConvolutionMemory of(PooledConvolution node, Bands bands, Planner planner) {
        int channels = node.target().count();
        int in = node.source().channels();
        int pixels = bands.height() * bands.width();
        PooledConvolutionOutput kept = PooledConvolutionOutput.of(node, planner);
        Optional<Matrix> normalised =
                planner.naiveCopy(node, ".normalised", planner.rows(pixels), channels);
        int reach = kept.stored().isPresent() ? 0 : HALO;
        ConvolvedBands convolved =
                new ConvolvedBands(
                        bands,
                        node.window(),
                        node.source().height(),
                        node.source().width(),
                        reach,
                        reach);
        ConvolutionShape convolution = convolved.shape(in, channels, planner);
        int gradientHeight =
                gradientAbove(convolved) + bands.rows() + Math.max(HALO, convolved.below());
        int pooledHeight = bands.rows() / 2 + HALO;
        Allocator.Frame frame = planner.allocator().frame();
        return new BandedPooledConvolutionMemory(
                node,
                convolved,
                bands.halved(node.target().of()),
                convolution,
                kept.stored(),
                kept.statistics(),
                normalised,
                frame.activations(convolved.readPixels(), in),
                frame.activations(convolved.convolvedPixels(), channels),
                frame.activations(gradientHeight * bands.width(), channels),
                frame.activations(pooledHeight * node.target().of().width(), channels),
                ConvolutionScratch.in(frame, convolution, planner),
                frame.vector(2 * bands.chunks().count(planner.batch()) * channels),
                NormScratch.in(frame, channels),
                frame.rowPerLane(node.bias() ? channels : 0),
                frame.matrix(3, channels));
    }

    @Override
    public Chunks chunks() {
        return convolved.bands().chunks();
    }

    /** {@return rows of pixels above a band in its gradient} */
    public int gradientAbove() {
        return gradientAbove(convolved);
    }

    private static int gradientAbove(ConvolvedBands convolved) {
        return Math.max(HALO, convolved.above());
    }
}
