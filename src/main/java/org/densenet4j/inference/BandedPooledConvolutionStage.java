package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BandedPooledConvolutionInference;
import org.densenet4j.plan.Bands;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.ConvolvedBands;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * The stem for large images that do not fit the cache, a band of rows at a time; see {@link
 * PooledConvolutionStage}. The pool also reads the row above a band; two are taken, so that windows
 * keep their places, and the first window is dropped.
 */
final class BandedPooledConvolutionStage implements InferenceStage {
    private static final int HALO = BandedPooledConvolutionInference.HALO;

    private final InferenceDevice on;
    private final BandedPooledConvolutionInference memory;
    private final ConvolvedBands convolved;
    private final Bands bands;
    private final int width;
    private final Source source;
    private final InnerNormalisation norm;
    private final Convolution convolution;
    private final Target target;

    BandedPooledConvolutionStage(
            InferenceDevice on, BandedPooledConvolutionInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.convolved = memory.convolved();
        this.bands = convolved.bands();
        this.width = bands.width();
        this.source = Source.of(on, memory.source(), weights);
        this.convolution = on.arena().convolution(memory.convolution());
        this.target = new Target(on, memory.target());
        float[] kernels = weights.values(memory.node().convolution() + ".weight");
        this.norm =
                new InnerNormalisation(on, memory.norm(), memory.statistics(), weights, kernels);
        on.pack(convolution, kernels, memory.weights());
    }

    @Override
    public void forward(int images) {
        source.prepare();
        if (norm.isOfTheBatch()) {
            on.forEachChunk(
                    bands.chunks(),
                    images,
                    (lane, band) -> norm.take(convolve(lane, band, 0), band));
            norm.finish(images, bands.chunks());
        }
        on.forEachChunk(
                bands.chunks(),
                images,
                (lane, band) -> pool(lane, band, memory.outgoing().chunk(band.index(), images)));
        target.finish(images, memory.outgoing());
    }

    /** The convolution's output of a band with rows of pixels above it. */
    private Matrix convolve(int lane, Chunk band, int above) {
        Matrix all = memory.output()[lane];
        convolution.forward(lane, 1, read(lane, band), memory.weights(), all);
        return all.rows((convolved.above() - above) * width, (above + bands.rows()) * width);
    }

    /** What is read for a band, zeros where that is outside its image. */
    private Matrix read(int lane, Chunk band) {
        Matrix x = memory.sourceBand()[lane];
        source.copyTo(convolved.read(band), convolved.inside(on.kernels(), band, x));
        return x;
    }

    private void pool(int lane, Chunk band, Chunk outgoing) {
        int above = bands.above(band, HALO);
        int height = above + bands.rows();
        int pooledWidth = memory.node().target().of().width();
        Matrix pooled = memory.pooled()[lane].rows(0, height / 2 * pooledWidth);
        on.kernels()
                .normaliseReluMaxPool(
                        convolve(lane, band, above), 1, height, width, norm.affine(), pooled);
        on.kernels()
                .copy(pooled.rows(above / 2 * pooledWidth, outgoing.rows()), target.of(outgoing));
        target.written(outgoing);
    }
}
