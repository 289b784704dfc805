package org.densenet4j.inference;

import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BandedPooledConvolutionInference;
import org.densenet4j.plan.Bands;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.ConvolvedBands;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * The stem for large images that do not fit the cache, a band of rows at a time. The pool also
 * reads the row above a band; two are taken, so that windows keep their places, and the first
 * window is dropped.
 */
final class BandedPooledConvolutionStage extends PooledConvolutionStage {
    private static final int HALO = BandedPooledConvolutionInference.HALO;

    private final BandedPooledConvolutionInference memory;
    private final ConvolvedBands convolved;
    private final Bands bands;
    private final int width;

    BandedPooledConvolutionStage(
            InferenceDevice on, BandedPooledConvolutionInference memory, WeightSource values)
            throws IOException {
        super(on, memory, values);
        this.memory = memory;
        this.convolved = memory.convolved();
        this.bands = convolved.bands();
        this.width = bands.width();
    }

    @Override
    Matrix convolve(int lane, Chunk band) {
        return convolve(lane, band, 0);
    }

    /** The convolution's output of a band with rows of pixels above it. */
    private Matrix convolve(int lane, Chunk band, int above) {
        Matrix all = memory.output()[lane];
        convolution.forward(lane, 1, read(lane, band), weights, all);
        return all.rows((convolved.above() - above) * width, (above + bands.rows()) * width);
    }

    /** What is read for a band, zeros where that is outside its image. */
    private Matrix read(int lane, Chunk band) {
        return source.read(convolved, on.kernels(), band, memory.sourceBand()[lane]);
    }

    @Override
    void pool(int lane, Chunk band, Matrix out) {
        int above = bands.above(band, HALO);
        int height = above + bands.rows();
        int pooledWidth = node.target().of().width();
        Matrix pooled = memory.pooled()[lane].rows(0, height / 2 * pooledWidth);
        on.kernels()
                .normaliseReluMaxPool(
                        convolve(lane, band, above), 1, height, width, norm.affine(), pooled);
        on.kernels().copy(pooled.rows(above / 2 * pooledWidth, out.rows()), out);
    }
}
