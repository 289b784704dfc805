package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.ConvolutionLayerInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * A convolution of images, of features, or, behind BN-ReLU, of a column prefix. A normalisation
 * behind it that nothing else reads past is folded in, with its ReLU.
 */
final class ConvolutionStage implements InferenceStage {
    private final InferenceDevice on;
    private final ConvolutionLayerInference memory;
    private final Source source;
    private final int sourcePixels;
    private final Convolution convolution;
    private final Target target;

    ConvolutionStage(InferenceDevice on, ConvolutionLayerInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source = Source.of(on, memory.source(), weights);
        this.sourcePixels = memory.node().source().height() * memory.node().source().width();
        this.convolution = on.arena().convolution(memory.convolution());
        this.target = new Target(on, memory.target());
        load(weights);
    }

    private void load(WeightSource weights) throws IOException {
        String name = memory.node().convolution();
        float[] kernels = weights.values(name + ".weight");
        float[] bias =
                memory.node().bias()
                        ? weights.values(name + ".bias")
                        : new float[memory.node().target().count()];
        FoldedNormalisation behind = FoldedNormalisation.ofBias(bias);
        if (memory.folded().isPresent()) {
            behind = FoldedNormalisation.of(weights, memory.folded().get()).behind(bias);
            behind.foldInto(kernels);
        }
        if (memory.shift().isPresent()) {
            on.upload(behind.bias(), memory.shift().get());
        }
        on.pack(convolution, kernels, memory.weights());
    }

    @Override
    public void forward(int images) {
        source.prepare();
        on.forEachChunk(memory.images(), images, this::convolve);
        target.finish(images, memory.images());
    }

    private void convolve(int lane, Chunk chunk) {
        Matrix a = source.read(chunk.ofPixels(sourcePixels), memory.sourceChunk()[lane]);
        Matrix y = target.place(chunk, memory.output()[lane]);
        convolution.forward(lane, chunk.images(), a, memory.weights(), y);
        if (memory.shift().isEmpty()) {
            target.append(y, chunk);
            return;
        }
        Matrix shift = memory.shift().get();
        if (memory.folded().isPresent()) {
            on.kernels().normaliseRelu(y, shift, target.of(chunk));
        } else {
            on.kernels().normalise(y, shift, target.of(chunk));
        }
        target.written(chunk);
    }
}
