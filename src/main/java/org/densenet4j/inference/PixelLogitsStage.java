package org.densenet4j.inference;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.PixelLogitsInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** A head for every pixel whose logits, in float32, are what it reads. */
final class PixelLogitsStage implements InferenceStage {
    private final InferenceDevice on;
    private final PixelLogitsInference memory;
    private final Source source;

    PixelLogitsStage(InferenceDevice on, PixelLogitsInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source = Source.of(on, memory.source(), weights);
    }

    @Override
    public void forward(int images) {
        source.prepare();
        on.forEachChunk(memory.rows(), images, this::read);
    }

    private void read(int lane, Chunk chunk) {
        Matrix logits = chunk.of(memory.logits());
        if (source.values().type() == DataType.FLOAT32) {
            source.copyTo(chunk, logits);
        } else {
            on.kernels().copy(source.read(chunk, memory.sourceChunk()[lane]), logits);
        }
    }
}
