package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.TransitionUpInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * A transition up of FC-DenseNet: a transposed 3x3 convolution with stride 2, cropped to the size
 * of the skip connection. It is the backward pass of a 3x3/2 convolution from the upsampled pixels
 * to those read.
 */
final class TransitionUpStage implements InferenceStage {
    private final InferenceDevice on;
    private final TransitionUpInference memory;
    private final Source source;
    private final Convolution convolution;
    private final Target target;

    TransitionUpStage(InferenceDevice on, TransitionUpInference memory, WeightSource weights)
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
        on.forEachChunk(memory.images(), images, this::upsample);
        target.finish(images, memory.images());
    }

    private void upsample(int lane, Chunk chunk) {
        TransitionUp node = memory.node();
        Features cropped = node.target().of();
        int height = node.upsampledHeight();
        int width = node.upsampledWidth();
        Matrix x = source.read(chunk, memory.sourceChunk()[lane]);
        Matrix large = chunk.ofPixels(height * width).in(memory.upsampled()[lane]);
        Chunk crop = chunk.ofPixels(cropped.pixels());
        Matrix out = target.of(crop);
        convolution.backwardData(lane, chunk.images(), x, memory.weights(), large);
        on.kernels()
                .copyWindow(
                        large,
                        height,
                        width,
                        out,
                        cropped.height(),
                        cropped.width(),
                        chunk.images(),
                        (height - cropped.height()) / 2,
                        (width - cropped.width()) / 2);
        on.kernels().addBias(out, memory.bias());
        target.written(crop);
    }
}
