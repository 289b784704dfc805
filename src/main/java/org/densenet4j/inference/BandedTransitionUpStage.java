package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.plan.BandedTransitionUpInference;
import org.densenet4j.plan.Bands;
import org.densenet4j.plan.Chunk;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * A transition up of FC-DenseNet, a band of rows at a time; see {@link TransitionUpStage}. Row i of
 * what is read reaches the output's rows 2i, 2i + 1 and 2i + 2, so that a band of the output also
 * needs the row above the band that is read.
 */
final class BandedTransitionUpStage implements InferenceStage {
    private final InferenceDevice on;
    private final BandedTransitionUpInference memory;
    private final Source source;
    private final Convolution convolution;
    private final Target target;

    BandedTransitionUpStage(
            InferenceDevice on, BandedTransitionUpInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source = Source.of(on, memory.source(), weights);
        this.convolution = on.arena().convolution(memory.convolution());
        this.target = new Target(on, memory.target());
        String name = memory.node().convolution();
        on.packBackward(convolution, weights.values(name + ".weight"), memory.weights());
        on.upload(weights.values(name + ".bias"), memory.bias());
    }

    @Override
    public void forward(int images) {
        source.prepare();
        on.forEachChunk(
                memory.bands().chunks(),
                images,
                (lane, band) -> upsample(lane, band, memory.output().chunk(band.index(), images)));
        target.finish(images, memory.output());
    }

    private void upsample(int lane, Chunk band, Chunk outputBand) {
        TransitionUp node = memory.node();
        int rows = 2 * memory.bands().rows();
        int width = node.target().of().width();
        Matrix large = memory.upsampled()[lane];
        Matrix out = target.of(outputBand);
        convolution.backwardData(lane, 1, readWithRowAbove(lane, band), memory.weights(), large);
        on.kernels()
                .copyWindow(
                        large,
                        rows + 3,
                        node.upsampledWidth(),
                        out,
                        rows,
                        width,
                        1,
                        2,
                        (node.upsampledWidth() - width) / 2);
        on.kernels().addBias(out, memory.bias());
        target.written(outputBand);
    }

    private Matrix readWithRowAbove(int lane, Chunk band) {
        Bands bands = memory.bands();
        Matrix x = memory.sourceBand()[lane];
        int above = bands.above(band, 1);
        if (above == 0) {
            on.kernels().fill(x.rows(0, bands.width()), 0);
        }
        Chunk extended = bands.extended(band, above, 0);
        source.copyTo(extended, x.rows((1 - above) * bands.width(), extended.rows()));
        return x;
    }
}
