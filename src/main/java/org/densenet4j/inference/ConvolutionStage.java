package org.densenet4j.inference;

import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.ConvolutionLayerInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** A convolution of images, of features, or, behind BN-ReLU, of a column prefix. */
final class ConvolutionStage implements InferenceStage {
    private final InferenceDevice on;
    private final ConvolutionLayerInference memory;
    private final Source source;
    private final int sourcePixels;
    private final FoldedConvolution convolution;
    private final Target target;

    ConvolutionStage(InferenceDevice on, ConvolutionLayerInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source = Source.of(on, memory.source(), weights);
        this.sourcePixels = memory.node().source().height() * memory.node().source().width();
        this.convolution = new FoldedConvolution(on, memory.node(), memory.weights(), weights);
        this.target = new Target(on, memory.target());
    }

    @Override
    public void forward(int images) {
        source.prepare();
        on.forEachChunk(memory.images(), images, this::convolve);
        target.finish(images, memory.images());
    }

    private void convolve(int lane, Chunk chunk) {
        Matrix a = source.read(chunk.ofPixels(sourcePixels), memory.sourceChunk()[lane]);
        Matrix y = convolution.place(target, chunk, memory.output()[lane]);
        convolution.forward(lane, chunk.images(), a, y);
        convolution.append(y, chunk, target);
    }
}
