package org.densenet4j.inference;

import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.TransitionInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** BN-ReLU, average pool, 1x1 convolution into the first columns of the next block. */
final class TransitionStage implements InferenceStage {
    private final InferenceDevice on;
    private final TransitionInference memory;
    private final NormalisedSource source;
    private final Target target;

    TransitionStage(InferenceDevice on, TransitionInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source =
                new NormalisedSource(
                        on, memory.source(), memory.source().norm().orElseThrow(), weights);
        this.target = new Target(on, memory.target());
        on.upload(weights.values(memory.node().convolution() + ".weight"), memory.weights());
    }

    @Override
    public void forward(int images) {
        source.prepare();
        int chunks = memory.chunks().count(images);
        if (chunks < on.device().lanes()) {
            for (int i = 0; i < chunks; i++) {
                share(memory.chunks().chunk(i, images), memory.outgoing().chunk(i, images));
            }
        } else {
            on.forEachChunk(
                    memory.chunks(),
                    images,
                    (lane, chunk) ->
                            convolve(lane, chunk, memory.outgoing().chunk(chunk.index(), images)));
        }
        target.finish(images, memory.outgoing());
    }

    /** A chunk that the lanes share: columns of the convolution's output. */
    private void share(Chunk chunk, Chunk out) {
        Matrix pooled = out.in(memory.pooled()[0]);
        on.device().forEachChunk(1, (_, _) -> pool(chunk, pooled));
        on.multiplyInColumns(pooled, memory.weights(), target.of(out));
        target.written(out);
    }

    private void convolve(int lane, Chunk chunk, Chunk out) {
        Matrix pooled = out.in(memory.pooled()[lane]);
        pool(chunk, pooled);
        on.multiply(lane, pooled, memory.weights(), target.of(out));
        target.written(out);
    }

    private void pool(Chunk chunk, Matrix pooled) {
        on.kernels()
                .normaliseReluAveragePool(
                        chunk.of(source.values()),
                        chunk.pooledImages(),
                        memory.height(),
                        memory.node().source().width(),
                        source.affine(),
                        pooled);
    }
}
