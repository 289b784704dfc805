package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.DepthwiseGateMemory;

/**
 * The gate of a depthwise layer (effective squeeze-excitation, Lee and Park 2020, arXiv
 * 1911.06667): a linear layer of the image's means, whose hard sigmoid scales the channels.
 */
final class DepthwiseGate {
    private final Compute compute;
    private final Kernels kernels;
    private final DepthwiseGateMemory memory;
    private final PoolShape pool;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Bias bias;

    DepthwiseGate(Compute compute, String name, PoolShape pool, DepthwiseGateMemory memory) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.pool = pool;
        this.weight = compute.weight(name + ".weight");
        this.weightGradient = compute.weightGradient(name + ".weight");
        this.weightSums = new LaneSums(kernels, memory.weightSums());
        this.bias = new Bias(compute, name, memory.biasSums());
    }

    private static Matrix of(Matrix[] scratch, int lane, Chunk chunk) {
        return scratch[lane].rows(0, chunk.images());
    }

    /** The logits [images, k] of a chunk of the layer's output. */
    Matrix logits(int lane, Chunk chunk, Matrix y) {
        Matrix means = of(memory.means(), lane, chunk);
        Matrix logits = of(memory.logits(), lane, chunk);
        kernels.averagePool(y, chunk.images(), pool, means);
        compute.multiplyByTransposed(lane, means, weight, logits);
        bias.addTo(logits);
        return logits;
    }

    /** Where the logits' gradient is written for {@link #meansGradient}. */
    Matrix logitsGradient(int lane, Chunk chunk) {
        return of(memory.logitsGradient(), lane, chunk);
    }

    /** Before the chunks of a backward pass. */
    void begin() {
        weightSums.begin();
        bias.begin();
    }

    /** Takes the parameters' gradients of a chunk and gives that of its means [images, k]. */
    Matrix meansGradient(int lane, Chunk chunk) {
        Matrix gradient = logitsGradient(lane, chunk);
        Matrix means = of(memory.meansGradient(), lane, chunk);
        compute.multiplyTransposedInto(
                lane, gradient, of(memory.means(), lane, chunk), weightSums.of(lane));
        bias.addGradient(lane, gradient);
        compute.multiply(lane, gradient, weight, means);
        return means;
    }

    /** After the chunks of a backward pass. */
    void finish() {
        compute.reduce(weightSums, weightGradient);
        bias.finish();
    }
}
