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
        int parts = chunk.pooledImages() == 1 ? on.device().lanes() : 1;
        on.device().forEachChunk(parts, (_, part) -> poolPart(part, parts, chunk, pooled));
        on.multiplyByTransposedInColumns(pooled, memory.weights(), target.of(out));
        target.written(out);
    }

    private void convolve(int lane, Chunk chunk, Chunk out) {
        Matrix pooled = out.in(memory.pooled()[lane]);
        pool(chunk, pooled);
        on.multiplyByTransposed(lane, pooled, memory.weights(), target.of(out));
        target.written(out);
    }

    /** Some lines of what is pooled: all, or those of one part of a single image. */
    private void poolPart(int part, int parts, Chunk chunk, Matrix pooled) {
        if (parts == 1) {
            pool(chunk, pooled);
            return;
        }
        int width = memory.node().source().width();
        int lines = memory.height() / 2;
        int first = part * lines / parts;
        int count = (part + 1) * lines / parts - first;
        if (count > 0) {
            pool(
                    chunk.of(source.values()).rows(2 * first * width, 2 * count * width),
                    1,
                    2 * count,
                    pooled.rows(first * (width / 2), count * (width / 2)));
        }
    }

    private void pool(Chunk chunk, Matrix pooled) {
        pool(chunk.of(source.values()), chunk.pooledImages(), memory.height(), pooled);
    }

    private void pool(Matrix x, int images, int height, Matrix pooled) {
        int width = memory.node().source().width();
        on.kernels().normaliseReluAveragePool(x, images, height, width, source.affine(), pooled);
    }
}
