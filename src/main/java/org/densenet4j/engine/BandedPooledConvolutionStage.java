package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BandedPooledConvolutionMemory;
import org.densenet4j.plan.Bands;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.ConvolvedBands;

/**
 * The stem for large images that do not fit the cache, a band of rows at a time. Row q of the
 * pooled output is the maximum over rows 2q − 1 to 2q + 1 of the convolution's: a band of it needs
 * the row above. Whether the last row of a band is a maximum is decided by the window below, so
 * that its gradient needs the two rows below, too. Above, two rows are taken instead of one, so
 * that windows keep their places; the first window is wrong, and dropped.
 */
final class BandedPooledConvolutionStage extends PooledConvolutionStage {
    private static final int HALO = BandedPooledConvolutionMemory.HALO;

    private final BandedPooledConvolutionMemory memory;
    private final ConvolvedBands convolved;
    private final Bands bands;
    private final int width;
    private final int pooledWidth;

    BandedPooledConvolutionStage(Compute compute, BandedPooledConvolutionMemory memory) {
        super(compute, memory);
        this.memory = memory;
        this.convolved = memory.convolved();
        this.bands = convolved.bands();
        this.width = bands.width();
        this.pooledWidth = node.target().of().width();
    }

    /** What is read for a band, zeros where that is outside its image. */
    private Matrix read(int lane, Chunk band) {
        return source.read(convolved, kernels, band, memory.source()[lane]);
    }

    /** S of a band and of rows above and below it that the band reaches, made anew. */
    private Matrix convolve(int lane, Chunk band, Chunk extended) {
        Matrix all = memory.output()[lane];
        convolution.forward(lane, 1, read(lane, band), memory.scratch().packedWeights(), all);
        addBias(all);
        int above = band.firstRow() - extended.firstRow();
        return all.rows(convolved.above() * width - above, extended.rows());
    }

    @Override
    Matrix convolve(int lane, Chunk band) {
        Matrix s = convolve(lane, band, band);
        memory.stored().ifPresent(all -> kernels.copy(s, band.of(all)));
        return s;
    }

    /** S of a band and of rows above and below it, stored or made again. */
    private Matrix convolved(int lane, Chunk band, int above, int below) {
        Chunk extended = bands.extended(band, above, below);
        return memory.stored().map(extended::of).orElseGet(() -> convolve(lane, band, extended));
    }

    @Override
    void pool(int lane, Chunk band, Matrix out) {
        int above = bands.above(band, HALO);
        int height = above + bands.rows();
        Matrix s = convolved(lane, band, above, 0);
        Matrix pooled = memory.pooled()[lane].rows(0, height / 2 * pooledWidth);
        copy.keep(band, s.rows(above * width, band.rows()), norm.affine());
        kernels.normaliseReluMaxPool(s, 1, height, width, norm.affine(), pooled);
        kernels.copy(pooled.rows(above / 2 * pooledWidth, out.rows()), out);
    }

    @Override
    void sumThroughPool(int lane, Chunk band, Chunk pooled, Matrix statistics, Matrix partial) {
        throughPool(
                lane,
                band,
                pooled,
                (s, dS) -> kernels.maskRelu(dS, s, norm.affine(), statistics, partial));
    }

    @Override
    Matrix gradientThroughPool(
            int lane, Chunk band, Chunk pooled, Matrix statistics, Matrix correction) {
        return throughPool(
                lane,
                band,
                pooled,
                (s, dS) -> kernels.applyCorrection(dS, s, correction, statistics, false, dS));
    }

    /** What is done with S of a band and the gradient that came through the pool. */
    private interface OfBand {
        void run(Matrix s, Matrix dS);
    }

    /** The gradient of S of a band, once {@code work} has finished it. */
    private Matrix throughPool(int lane, Chunk band, Chunk pooled, OfBand work) {
        int above = bands.above(band, HALO);
        int below = bands.below(band, HALO);
        int height = above + bands.rows() + below;
        Matrix s = convolved(lane, band, above, below);
        Matrix withHalo =
                memory.gradient()[lane].rows(
                        (memory.gradientAbove() - above) * width, height * width);
        kernels.maxPoolBackward(
                pooledGradient(lane, pooled, above / 2, below / 2),
                s,
                1,
                height,
                width,
                norm.affine(),
                withHalo);
        Matrix dS = withHalo.rows(above * width, band.rows());
        work.run(s.rows(above * width, band.rows()), dS);
        return dS;
    }

    /** The finished gradient of a band of the pooled output with rows above and below it. */
    private Matrix pooledGradient(int lane, Chunk own, int above, int below) {
        Chunk extended = own.extended(above * pooledWidth, below * pooledWidth);
        Matrix dPooled = extended.in(memory.pooled()[lane]);
        target.gradient(extended, Dropout.NONE, dPooled);
        return dPooled;
    }

    /** Nobody wants the gradient of what is read: there are no bands where somebody does. */
    @Override
    void prepareConvolutionBackward() {}

    @Override
    void backwardConvolution(Pass pass, int lane, Chunk band, Matrix dS) {
        convolution.backwardWeights(
                lane,
                1,
                read(lane, band),
                withZerosAround(lane, band),
                memory.scratch().weightPart()[lane],
                weightSums.of(lane));
    }

    /** The gradient of a band of S, in its place among that of all that came out for it. */
    private Matrix withZerosAround(int lane, Chunk band) {
        Matrix all =
                memory.gradient()[lane].rows(
                        (memory.gradientAbove() - convolved.above()) * width,
                        convolved.convolvedHeight() * width);
        convolved.clearAround(kernels, band, all);
        return all;
    }
}
