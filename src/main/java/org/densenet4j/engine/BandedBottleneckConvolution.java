package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BottleneckConvolutionMemory;
import org.densenet4j.plan.Chunk;

/**
 * The 3x3 half of a dense layer with a bottleneck where images do not fit the cache: over bands of
 * rows with their halo, as {@link BandedConvolutionStage} does it.
 */
final class BandedBottleneckConvolution implements BottleneckConvolution {
    private final Compute compute;
    private final Kernels kernels;
    private final BottleneckConvolutionMemory.OfBands memory;
    private final Halo halo;
    private final BatchNormalisation norm;
    private final NewColumns target;
    private final Convolution convolution;

    BandedBottleneckConvolution(
            Compute compute,
            BottleneckConvolutionMemory.OfBands memory,
            BatchNormalisation norm,
            NewColumns target) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.halo = new Halo(kernels, memory.bands(), BottleneckConvolutionMemory.OfBands.HALO);
        this.norm = norm;
        this.target = target;
        this.convolution = compute.arena().convolution(memory.shape());
    }

    @Override
    public Convolution prepared() {
        return convolution;
    }

    /** T of a band with its halo, which is zero beyond the image's edge. */
    private Matrix normalised(int lane, Chunk band, Matrix z) {
        Matrix t = memory.normalised()[lane];
        Chunk extended = halo.extended(band);
        kernels.normaliseRelu(extended.of(z), norm.affine(), halo.inside(band, extended, t));
        return t;
    }

    @Override
    public void forward(Pass pass, Matrix z, Matrix partials) {
        Dropout dropout = target.dropout(pass);
        compute.forEachChunk(
                memory.chunks(),
                pass,
                (lane, band) -> {
                    Matrix withHalo = memory.output()[lane];
                    convolution.forward(
                            lane,
                            1,
                            normalised(lane, band, z),
                            memory.scratch().packedWeights(),
                            withHalo);
                    target.append(halo.own(band, withHalo), band, dropout, partials);
                });
    }

    @Override
    public void backward(Pass pass, Matrix z, Matrix dT, LaneSums weightSums, Matrix partials) {
        Dropout dropout = target.dropout(pass);
        Matrix statistics = norm.statistics(pass, 0);
        compute.forEachChunk(
                memory.chunks(),
                pass,
                (lane, band) -> {
                    Matrix dY = memory.output()[lane];
                    Chunk extended = halo.extended(band);
                    target.gradient(extended, dropout, halo.inside(band, extended, dY));
                    Matrix dTWithHalo = memory.normalised()[lane];
                    convolution.backwardData(
                            lane, 1, dY, memory.scratch().packedWeights(), dTWithHalo);
                    Matrix dTBand = band.of(dT);
                    kernels.copy(halo.own(band, dTWithHalo), dTBand);
                    kernels.maskRelu(
                            dTBand, band.of(z), norm.affine(), statistics, band.partial(partials));
                    halo.clear(dY);
                    convolution.backwardWeights(
                            lane,
                            1,
                            normalised(lane, band, z),
                            dY,
                            memory.scratch().weightPart()[lane],
                            weightSums.of(lane));
                });
    }
}
