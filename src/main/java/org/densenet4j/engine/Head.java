package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BlockMemory;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.HeadMemory;
import org.densenet4j.plan.MemoryStrategy;

/** The head: BN-ReLU over the last block, global average pool, linear classifier. */
final class Head implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final BlockMemory block;
    private final HeadMemory memory;
    private final BatchNormalisation norm;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final Matrix bias;
    private final Matrix biasGradient;
    private final boolean naive;
    private final FinishedGradient finished;

    Head(Compute compute, BlockMemory block, HeadMemory memory) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.block = block;
        this.memory = memory;
        this.norm = new BatchNormalisation(compute, "features.norm5", memory.norm());
        this.weight = compute.weight("classifier.weight");
        this.weightGradient = compute.weightGradient("classifier.weight");
        this.bias = compute.vector("classifier.bias");
        this.biasGradient = compute.vectorGradient("classifier.bias");
        this.naive = compute.memory().strategy() == MemoryStrategy.NAIVE;
        this.finished =
                new FinishedGradient(compute, block, memory.images(), memory.norm().correction());
    }

    @Override
    public String name() {
        return "head";
    }

    @Override
    public Matrix output(Pass pass) {
        return memory.logits().rows(0, pass.images());
    }

    @Override
    public void forward(Pass pass) {
        Chunks chunks = memory.images();
        norm.prepareForward(pass, block.statistics(), pass.images() * chunks.rowsPerImage());
        compute.forEachChunk(
                chunks.count(pass.images()),
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    Matrix x = block.features().rows(first, rows);
                    if (naive) {
                        kernels.normaliseRelu(
                                x, norm.affine(), memory.normalised().rows(first, rows));
                    }
                    kernels.normaliseReluGlobalPool(
                            x,
                            chunks.images(chunk, pass.images()),
                            chunks.rowsPerImage(),
                            norm.affine(),
                            images(memory.pooled(), pass, chunk));
                });
        compute.forEachChunk(
                1,
                (lane, chunk) -> {
                    Matrix logits = output(pass);
                    compute.multiplyByTransposed(
                            lane, memory.pooled().rows(0, pass.images()), weight, logits);
                    kernels.addBias(logits, bias);
                });
    }

    @Override
    public void backward(Pass pass) {
        Chunks chunks = memory.images();
        int count = chunks.count(pass.images());
        Matrix dLogits = memory.logitsGradient().rows(0, pass.images());
        Matrix pooled = memory.pooled().rows(0, pass.images());
        Matrix dPooled = memory.pooledGradient().rows(0, pass.images());
        compute.together(
                lane -> {
                    compute.multiplyTransposedInto(lane, dLogits, pooled, weightGradient);
                    kernels.addColumnSums(dLogits, biasGradient);
                },
                lane -> compute.multiply(lane, dLogits, weight, dPooled));
        Matrix statistics = norm.prepareBackward(pass, block.statistics());
        Matrix partials = memory.partials().reshaped(2 * count, memory.shape().channels());
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    kernels.accumulateGradientGlobalPool(
                            images(memory.pooledGradient(), pass, chunk),
                            block.features().rows(first, rows),
                            chunks.images(chunk, pass.images()),
                            chunks.rowsPerImage(),
                            norm.affine(),
                            statistics,
                            norm.weight(),
                            block.gradient().rows(first, rows),
                            partials.rows(2 * chunk, 2));
                });
        norm.finishDeferred(partials, count, statistics, false, block.deferred());
        if (naive) {
            finished.applyTo(pass);
        }
    }

    private Matrix images(Matrix matrix, Pass pass, int chunk) {
        Chunks chunks = memory.images();
        return matrix.rows(chunk * chunks.imagesPerChunk(), chunks.images(chunk, pass.images()));
    }
}
