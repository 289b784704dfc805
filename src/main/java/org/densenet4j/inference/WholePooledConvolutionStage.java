package org.densenet4j.inference;

import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.WholePooledConvolutionInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** The stem for large images, over chunks of whole images. */
final class WholePooledConvolutionStage extends PooledConvolutionStage {
    private final WholePooledConvolutionInference memory;
    private final int sourcePixels;

    WholePooledConvolutionStage(
            InferenceDevice on, WholePooledConvolutionInference memory, WeightSource values)
            throws IOException {
        super(on, memory, values);
        this.memory = memory;
        this.sourcePixels = node.source().height() * node.source().width();
    }

    @Override
    Matrix convolve(int lane, Chunk chunk) {
        Matrix y = chunk.in(memory.output()[lane]);
        Matrix a = source.read(chunk.ofPixels(sourcePixels), memory.sourceChunk()[lane]);
        convolution.forward(lane, chunk.images(), a, weights, y);
        return y;
    }

    @Override
    void pool(int lane, Chunk chunk, Matrix out) {
        on.kernels()
                .normaliseReluMaxPool(
                        convolve(lane, chunk),
                        chunk.images(),
                        node.convolvedHeight(),
                        node.convolvedWidth(),
                        norm.affine(),
                        out);
    }
}
