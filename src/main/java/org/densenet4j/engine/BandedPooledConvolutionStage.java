package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.plan.BandedPooledConvolutionMemory;
import org.densenet4j.plan.Bands;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.ConvolvedBands;

import java.util.List;

/**
 * The stem for large images that do not fit the cache, a band of rows at a time; see {@link
 * PooledConvolutionStage}. Row q of the pooled output is the maximum over rows 2q − 1 to 2q + 1 of
 * the convolution's: a band of it needs the row above. Whether the last row of a band is a maximum
 * is decided by the window below, so that its gradient needs the two rows below, too. Above, two
 * rows are taken instead of one, so that windows keep their places; the first window is wrong, and
 * dropped.
 */
final class BandedPooledConvolutionStage implements Stage {
    private static final int HALO = BandedPooledConvolutionMemory.HALO;

    private final Compute compute;
    private final Kernels kernels;
    private final BandedPooledConvolutionMemory memory;
    private final PooledConvolution node;
    private final ConvolvedBands convolved;
    private final Bands bands;
    private final int width;
    private final int pooledWidth;
    private final RawSource source;
    private final BatchNormalisation norm;
    private final NewColumns target;
    private final KeptCopy copy;
    private final Convolution convolution;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;

    BandedPooledConvolutionStage(Compute compute, BandedPooledConvolutionMemory memory) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.node = memory.node();
        this.convolved = memory.convolved();
        this.bands = convolved.bands();
        this.width = bands.width();
        this.pooledWidth = node.target().of().width();
        this.source = new RawSource(compute, node, 0, node.source());
        this.norm =
                new BatchNormalisation(
                        compute, node.norm(), memory.norm(), List.of(memory.statistics()));
        this.target = new NewColumns(compute, node, memory.correction());
        this.copy = KeptCopy.in(kernels, memory.normalised());
        this.convolution = compute.arena().convolution(memory.convolution());
        this.weight = compute.weight(node.convolution() + ".weight");
        this.weightGradient = compute.weightGradient(node.convolution() + ".weight");
        this.weightSums = LaneSums.rows(kernels, memory.scratch().weightSums());
    }

    @Override
    public String name() {
        return node.name();
    }

    @Override
    public Matrix output(Pass pass) {
        return target.of(pass);
    }

    /** The pooled rows of a band. */
    private Chunk outgoing(Pass pass, Chunk band) {
        return memory.outgoing().chunk(band.index(), pass.images());
    }

    private Matrix partials(Pass pass) {
        int count = bands.chunks().count(pass.images());
        return memory.partials().reshaped(2 * count, node.target().count());
    }

    // ---------------------------------------------------------------- the convolution

    private void packForward() {
        compute.packForward(convolution, weight, memory.scratch().packedWeights());
    }

    /** What is read for a band, zeros where that is outside its image. */
    private Matrix read(int lane, Chunk band) {
        Matrix x = memory.source()[lane];
        source.copyTo(convolved.read(band), convolved.inside(kernels, band, x));
        return x;
    }

    /** S of a band and of rows above and below it that the band reaches, made anew. */
    private Matrix convolve(int lane, Chunk band, Chunk extended) {
        Matrix all = memory.output()[lane];
        convolution.forward(lane, 1, read(lane, band), memory.scratch().packedWeights(), all);
        int above = band.firstRow() - extended.firstRow();
        return all.rows(convolved.above() * width - above, extended.rows());
    }

    /** The same, stored or made again. */
    private Matrix convolved(int lane, Chunk band, Chunk extended) {
        return memory.stored().map(extended::of).orElseGet(() -> convolve(lane, band, extended));
    }

    // ---------------------------------------------------------------- forward

    @Override
    public void forward(Pass pass) {
        int rows = pass.images() * bands.chunks().rowsPerImage();
        Matrix partials = partials(pass);
        packForward();
        if (memory.stored().isPresent() || compute.usesBatchStatistics(pass)) {
            compute.forEachChunk(
                    bands.chunks(),
                    pass,
                    (lane, band) -> {
                        Matrix s = convolve(lane, band, band);
                        memory.stored().ifPresent(all -> kernels.copy(s, band.of(all)));
                        kernels.channelStatistics(s, band.partial(partials));
                    });
        }
        if (compute.usesBatchStatistics(pass)) {
            kernels.finishStatistics(
                    partials,
                    bands.chunks().rowsPerChunk(),
                    rows,
                    (float) node.norm().epsilon(),
                    memory.statistics());
        }
        norm.prepareForward(pass, rows);
        compute.forEachChunk(
                bands.chunks(),
                pass,
                (lane, band) -> {
                    Matrix out = outgoing(pass, band).of(target.values());
                    pool(lane, band, out);
                    kernels.channelStatistics(out, band.partial(partials));
                });
        target.finish(pass, partials, memory.outgoing());
    }

    private void pool(int lane, Chunk band, Matrix out) {
        int above = bands.above(band, HALO);
        int height = above + bands.rows();
        Matrix s = convolved(lane, band, bands.extended(band, above, 0));
        Matrix pooled = memory.pooled()[lane].rows(0, height / 2 * pooledWidth);
        copy.keep(band, s.rows(above * width, band.rows()), norm.affine());
        kernels.normaliseReluMaxPool(s, 1, height, width, norm.affine(), pooled);
        kernels.copy(pooled.rows(above / 2 * pooledWidth, out.rows()), out);
    }

    // ---------------------------------------------------------------- backward

    @Override
    public void backward(Pass pass) {
        target.prepareGradient(pass);
        norm.prepareAgain(pass);
        Matrix statistics = norm.statistics(pass, 0);
        Matrix partials = partials(pass);
        if (memory.stored().isEmpty()) {
            packForward();
        }
        throughPool(
                pass,
                (_, band, s, dS) ->
                        kernels.maskRelu(dS, s, norm.affine(), statistics, band.partial(partials)));
        int rows = pass.images() * bands.chunks().rowsPerImage();
        Matrix correction =
                norm.finishAtOnce(pass, partials, bands.chunks().count(pass.images()), rows);
        weightSums.begin();
        throughPool(
                pass,
                (lane, band, s, dS) -> {
                    kernels.applyCorrection(dS, s, correction, statistics, false, dS);
                    convolution.backwardWeights(
                            lane,
                            1,
                            read(lane, band),
                            withZerosAround(lane, band),
                            memory.scratch().weightPart()[lane],
                            weightSums.of(lane));
                });
        compute.reduce(weightSums, memory.scratch().weightSums(), convolution, weightGradient);
    }

    /** What is done with a band of S and the gradient that came through the pool. */
    private interface OfBand {
        void run(int lane, Chunk band, Matrix s, Matrix dS);
    }

    /** Takes the finished gradient of the pooled output back through the max-pool. */
    private void throughPool(Pass pass, OfBand work) {
        compute.forEachChunk(
                bands.chunks(),
                pass,
                (lane, band) -> {
                    int above = bands.above(band, HALO);
                    int below = bands.below(band, HALO);
                    int height = above + bands.rows() + below;
                    Matrix s = convolved(lane, band, bands.extended(band, above, below));
                    Matrix dS =
                            memory.gradient()[lane].rows(
                                    (memory.gradientAbove() - above) * width, height * width);
                    kernels.maxPoolBackward(
                            pooledGradient(lane, outgoing(pass, band), above / 2, below / 2),
                            s,
                            1,
                            height,
                            width,
                            norm.affine(),
                            dS);
                    work.run(
                            lane,
                            band,
                            s.rows(above * width, band.rows()),
                            dS.rows(above * width, band.rows()));
                });
    }

    /** The finished gradient of a band of the pooled output with rows above and below it. */
    private Matrix pooledGradient(int lane, Chunk own, int above, int below) {
        Chunk extended =
                new Chunk(
                        own.index(),
                        own.firstRow() - above * pooledWidth,
                        own.rows() + (above + below) * pooledWidth,
                        own.firstImage(),
                        1);
        Matrix dPooled = extended.in(memory.pooled()[lane]);
        target.gradient(extended, Dropout.NONE, dPooled);
        return dPooled;
    }

    /** A band's gradient as that of all that came out of the convolution. */
    private Matrix withZerosAround(int lane, Chunk band) {
        Matrix all =
                memory.gradient()[lane].rows(
                        (memory.gradientAbove() - convolved.above()) * width,
                        convolved.convolvedHeight() * width);
        convolved.clearAround(kernels, band, all);
        return all;
    }
}
