package org.densenet4j.inference;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BandedConvolutionLayerInference;
import org.densenet4j.plan.Bands;
import org.densenet4j.plan.Chunk;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * A convolution of images that do not fit the cache, a band of rows at a time: together with its
 * halo, the rows above and below that the kernel reaches, which are zeros at the image's edge. The
 * result of the halo itself is wrong, and dropped.
 */
final class BandedConvolutionStage implements InferenceStage {
    private final InferenceDevice on;
    private final BandedConvolutionLayerInference memory;
    private final Source source;
    private final FoldedConvolution convolution;
    private final Target target;

    BandedConvolutionStage(
            InferenceDevice on, BandedConvolutionLayerInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source = Source.of(on, memory.source(), weights);
        this.convolution = new FoldedConvolution(on, memory.node(), memory.weights(), weights);
        this.target = new Target(on, memory.target());
    }

    @Override
    public void forward(int images) {
        source.prepare();
        on.forEachChunk(memory.bands().chunks(), images, this::convolve);
        target.finish(images, memory.bands().chunks());
    }

    private void convolve(int lane, Chunk band) {
        Matrix withHalo = memory.output()[lane];
        convolution.forward(lane, 1, read(lane, band), withHalo);
        int haloRows = memory.halo() * memory.bands().width();
        convolution.write(withHalo.rows(haloRows, band.rows()), band, target);
    }

    /** A band of what is convolved, with its halo. */
    private Matrix read(int lane, Chunk band) {
        Kernels kernels = on.kernels();
        Bands bands = memory.bands();
        Matrix a = memory.sourceBand()[lane];
        int above = bands.above(band, memory.halo());
        int below = bands.below(band, memory.halo());
        int zerosAbove = (memory.halo() - above) * bands.width();
        int zerosBelow = (memory.halo() - below) * bands.width();
        Chunk inside = bands.extended(band, above, below);
        kernels.fill(a.rows(0, zerosAbove), 0);
        kernels.fill(a.rows(a.rows() - zerosBelow, zerosBelow), 0);
        source.copyTo(inside, a.rows(zerosAbove, inside.rows()));
        return a;
    }
}
