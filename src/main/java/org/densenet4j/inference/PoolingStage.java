package org.densenet4j.inference;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.PoolingInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** A pool into columns of their own; where a window is one pixel, nothing is pooled. */
final class PoolingStage implements InferenceStage {
    private final InferenceDevice on;
    private final PoolingInference memory;
    private final Source source;
    private final int sourcePixels;
    private final Target target;

    PoolingStage(InferenceDevice on, PoolingInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source = Source.of(on, memory.source(), weights);
        this.sourcePixels = memory.node().source().height() * memory.node().source().width();
        this.target = new Target(on, memory.target());
    }

    @Override
    public void forward(int images) {
        source.prepare();
        on.forEachChunk(memory.images(), images, this::pool);
        target.finish(images, memory.images());
    }

    private void pool(int lane, Chunk chunk) {
        Chunk read = chunk.ofPixels(sourcePixels);
        Matrix out = target.of(chunk);
        if (memory.isIdentity()) {
            source.copyTo(read, out);
        } else {
            pool(lane, read, out);
        }
        target.written(chunk);
    }

    private void pool(int lane, Chunk read, Matrix out) {
        Kernels kernels = on.kernels();
        int images = read.images();
        Matrix scratch = memory.sourceChunk()[lane];
        Matrix x =
                switch (source) {
                    case RawSource raw -> raw.inPlace(read, scratch);
                    case NormalisedSource _, L2NormalisedSource _ -> source.read(read, scratch);
                };
        switch (memory.node().kind()) {
            case MAX, MAX_OF_ALL -> kernels.maxPool(x, images, memory.shape(), out);
            case AVERAGE -> kernels.averagePool(x, images, memory.shape(), out);
            case MAX_THEN_BLUR -> {
                Matrix between = read.in(memory.between()[lane]);
                kernels.maxPool(x, images, memory.shape(), between);
                kernels.blurPool(
                        between, images, memory.shape().height(), memory.shape().width(), out);
            }
        }
    }
}
