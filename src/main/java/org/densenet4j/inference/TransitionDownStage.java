package org.densenet4j.inference;

import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.TransitionDownInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * A transition down of FC-DenseNet: BN-ReLU, 1x1 convolution, 2x2 max-pool. The bias is added
 * behind the pool, a quarter of the work: it is the same for all that a maximum is taken of.
 */
final class TransitionDownStage implements InferenceStage {
    private final InferenceDevice on;
    private final TransitionDownInference memory;
    private final Source source;
    private final Target target;

    TransitionDownStage(InferenceDevice on, TransitionDownInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.source = Source.of(on, memory.source(), weights);
        this.target = new Target(on, memory.target());
        String name = memory.node().convolution();
        on.upload(weights.values(name + ".weight"), memory.weights());
        on.upload(weights.values(name + ".bias"), memory.bias());
    }

    @Override
    public void forward(int images) {
        source.prepare();
        on.forEachChunk(
                memory.chunks(),
                images,
                (lane, chunk) ->
                        convolve(lane, chunk, memory.pooled().chunk(chunk.index(), images)));
        target.finish(images, memory.pooled());
    }

    private void convolve(int lane, Chunk chunk, Chunk pooled) {
        Matrix a = source.read(chunk, memory.sourceChunk()[lane]);
        Matrix y = chunk.in(memory.convolved()[lane]);
        Matrix out = target.of(pooled);
        on.multiplyByTransposed(lane, a, memory.weights(), y);
        on.kernels().maxPool(y, chunk.pooledImages(), memory.pool(), out);
        on.kernels().addBias(out, memory.bias());
        target.written(pooled);
    }
}
