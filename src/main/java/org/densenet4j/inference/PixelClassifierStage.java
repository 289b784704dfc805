package org.densenet4j.inference;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.PixelClassifierInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** A head for every pixel: a 1x1 convolution to the classes, in float32. */
final class PixelClassifierStage implements InferenceStage {
    private final InferenceDevice on;
    private final PixelClassifierInference memory;
    private final Source source;

    PixelClassifierStage(InferenceDevice on, PixelClassifierInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source = Source.of(on, memory.source(), weights);
        String convolution = memory.node().convolution();
        on.upload(weights.values(convolution + ".weight"), memory.weights());
        on.upload(weights.values(convolution + ".bias"), memory.bias());
    }

    @Override
    public void forward(int images) {
        source.prepare();
        on.forEachChunk(memory.rows(), images, this::classify);
    }

    private void classify(int lane, Chunk chunk) {
        Matrix logits = chunk.of(memory.logits());
        on.multiplyByTransposed(lane, read(lane, chunk), memory.weights(), logits);
        on.kernels().addBias(logits, memory.bias());
    }

    /** A chunk of what is read, in float32. */
    private Matrix read(int lane, Chunk chunk) {
        Matrix a = source.read(chunk, memory.sourceChunk()[lane]);
        if (a.type() == DataType.FLOAT32) {
            return a;
        }
        Matrix floats = chunk.in(memory.sourceFloats()[lane]);
        on.kernels().copy(a, floats);
        return floats;
    }
}
