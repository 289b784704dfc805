package org.densenet4j.inference;

import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BandedConvolutionLayerInference;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
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
        Chunks bands = memory.convolved().bands().chunks();
        source.prepare();
        on.forEachChunk(bands, images, this::convolve);
        target.finish(images, bands);
    }

    private void convolve(int lane, Chunk band) {
        Matrix withHalo = memory.output()[lane];
        convolution.forward(lane, 1, read(lane, band), withHalo);
        convolution.append(memory.convolved().own(band, withHalo), band, target);
    }

    /** What is convolved for a band, zeros where that is outside its image. */
    private Matrix read(int lane, Chunk band) {
        Matrix scratch = memory.sourceBand()[lane];
        return source.read(memory.convolved(), on.kernels(), band, scratch);
    }
}
