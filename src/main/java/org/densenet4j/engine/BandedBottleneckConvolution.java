package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BottleneckConvolutionMemory;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.ConvolvedBands;

/**
 * The 3x3 half of a dense layer with a bottleneck where images do not fit the cache: over bands of
 * rows with their halo, as {@link BandedConvolutionStage} does it.
 */
final class BandedBottleneckConvolution extends ChunkedBottleneckConvolution {
    private final BottleneckConvolutionMemory.OfBands memory;
    private final ConvolvedBands convolved;

    BandedBottleneckConvolution(
            Compute compute,
            BottleneckConvolutionMemory.OfBands memory,
            GroupedWeights weights,
            BatchNormalisation norm,
            NewColumns target) {
        super(compute, memory, weights, norm, target);
        this.memory = memory;
        this.convolved = memory.convolved();
    }

    /** T of a band with its halo, which is zero beyond the image's edge. */
    private Matrix normalised(int lane, Chunk band, Matrix z) {
        Matrix t = memory.normalised()[lane];
        Matrix inside = convolved.inside(kernels, band, t);
        kernels.normaliseRelu(convolved.read(band).of(z), norm.affine(), inside);
        return t;
    }

    @Override
    Matrix convolve(int lane, Chunk band, Matrix z) {
        Matrix withHalo = memory.output()[lane];
        convolution.forward(
                lane, 1, normalised(lane, band, z), memory.scratch().packedWeights(), withHalo);
        return convolved.own(band, withHalo);
    }

    @Override
    void backwardChunks(Pass pass, Matrix z, Matrix dT, Matrix partials) {
        Dropout dropout = target.dropout(pass);
        Matrix statistics = norm.statistics(pass, 0);
        compute.forEachChunk(
                memory.chunks(),
                pass,
                (lane, band) -> {
                    Matrix dY = memory.output()[lane];
                    Matrix inside = convolved.inside(kernels, band, dY);
                    target.gradient(convolved.read(band), dropout, inside);
                    Matrix dTWithHalo = memory.normalised()[lane];
                    convolution.backwardData(
                            lane, 1, dY, memory.scratch().packedWeights(), dTWithHalo);
                    Matrix dTBand = band.of(dT);
                    kernels.copy(convolved.own(band, dTWithHalo), dTBand);
                    kernels.maskRelu(
                            dTBand, band.of(z), norm.affine(), statistics, band.partial(partials));
                    convolved.clearAround(kernels, band, dY);
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
