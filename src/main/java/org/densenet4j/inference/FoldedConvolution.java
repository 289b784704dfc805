package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.ConvolutionWeights;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * A convolution and what is behind it: a bias, or a normalisation that nothing else reads past,
 * whose scale is in the weights and whose shift and ReLU are part of writing the output.
 */
final class FoldedConvolution {
    private final Kernels kernels;
    private final ConvolutionWeights memory;
    private final Convolution convolution;

    FoldedConvolution(
            InferenceDevice on,
            ConvolutionLayer node,
            ConvolutionWeights memory,
            WeightSource weights)
            throws IOException {
        this.kernels = on.kernels();
        this.memory = memory;
        this.convolution = on.arena().convolution(memory.shape());
        float[] values = weights.values(node.convolution() + ".weight");
        float[] bias =
                node.bias()
                        ? weights.values(node.convolution() + ".bias")
                        : new float[node.target().count()];
        FoldedNormalisation behind = FoldedNormalisation.ofBias(bias);
        if (memory.folded().isPresent()) {
            behind = FoldedNormalisation.of(weights, memory.folded().get()).behind(bias);
            behind.foldInto(values);
        }
        if (memory.shift().isPresent()) {
            on.upload(behind.bias(), memory.shift().get());
        }
        on.pack(convolution, values, memory.packed());
    }

    /** Convolves some images, or what is taken for images. */
    void forward(int lane, int images, Matrix source, Matrix output) {
        convolution.forward(lane, images, source, memory.packed(), output);
    }

    /**
     * Where {@link #forward} may write a chunk.
     *
     * @param scratch memory for it, if it cannot be written in its place
     */
    Matrix place(Target target, Chunk chunk, Matrix scratch) {
        return target.place(convolution, chunk, scratch);
    }

    /** Brings what was convolved to its place, where it may be already. */
    void append(Matrix y, Chunk chunk, Target target) {
        if (memory.shift().isEmpty()) {
            target.append(y, chunk);
            return;
        }
        Matrix shift = memory.shift().get();
        if (memory.folded().isPresent()) {
            kernels.normaliseRelu(y, shift, target.of(chunk));
        } else {
            kernels.normalise(y, shift, target.of(chunk));
        }
        target.written(chunk);
    }
}
