package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Transition;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.TransitionMemory;

/**
 * A transition: BN-ReLU-Conv1x1 and a 2x2 average pool (Huang et al. 2017, section 3). Pooling and
 * the convolution are both linear and commute, so the pool comes first and the convolution does a
 * quarter of the work. The result is written straight into the first columns of the next block.
 */
final class TransitionStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final TransitionMemory memory;
    private final Chunks chunks;
    private final NormalisedSource source;
    private final int height;
    private final int width;
    private final NewColumns target;
    private final KeptCopy copy;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;

    TransitionStage(Compute compute, TransitionMemory memory) {
        Transition node = memory.node();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.chunks = memory.chunks();
        this.source = new NormalisedSource(compute, node, 0, memory.norm());
        this.height = memory.height();
        this.width = node.source().width();
        this.target = new NewColumns(compute, node, memory.correction());
        this.copy = KeptCopy.in(kernels, memory.normalised());
        this.weight = compute.operand(node.convolution() + ".weight");
        this.weightGradient = compute.weightGradient(node.convolution() + ".weight");
        this.weightSums = new LaneSums(kernels, memory.weightSums());
    }

    @Override
    public String name() {
        return memory.node().name();
    }

    @Override
    public Matrix output(Pass pass) {
        return target.of(pass);
    }

    /** The same chunk of the outgoing side. */
    private Chunk outgoing(Pass pass, Chunk chunk) {
        return memory.outgoing().chunk(chunk.index(), pass.images());
    }

    @Override
    public void forward(Pass pass) {
        Matrix partials = partials(pass, target.values().columns());
        source.prepareForward(pass);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix x = chunk.of(source.values());
                    Chunk pooledChunk = outgoing(pass, chunk);
                    Matrix pooled = pooledChunk.in(memory.pooled()[lane]);
                    Matrix out = pooledChunk.of(target.values());
                    copy.keep(chunk, x, source.affine());
                    kernels.normaliseReluAveragePool(
                            x, chunk.pooledImages(), height, width, source.affine(), pooled);
                    compute.multiplyByTransposed(lane, pooled, weight, out);
                    kernels.channelStatistics(out, chunk.partial(partials));
                });
        target.finish(pass, partials, memory.outgoing());
    }

    @Override
    public void backward(Pass pass) {
        target.prepareGradient(pass);
        source.prepareBackward(pass);
        Matrix partials = partials(pass, source.channels());
        weightSums.begin();
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Chunk pooledChunk = outgoing(pass, chunk);
                    Matrix dOut = pooledChunk.in(memory.outputGradient()[lane]);
                    Matrix pooled = pooledChunk.in(memory.pooled()[lane]);
                    Matrix dPooled = pooledChunk.in(memory.pooledGradient()[lane]);
                    target.gradient(pooledChunk, Dropout.NONE, dOut);
                    compute.multiply(lane, dOut, weight, dPooled);
                    accumulate(pass, chunk, dPooled, chunk.partial(partials), pooled);
                    compute.multiplyTransposedInto(lane, dOut, pooled, weightSums.of(lane));
                });
        compute.reduce(weightSums, weightGradient);
        source.finish(pass, partials, chunks);
    }

    /** From the pooled gradient to that of the features, and once more to the pooled features. */
    private void accumulate(Pass pass, Chunk chunk, Matrix dPooled, Matrix partial, Matrix pooled) {
        for (NormalisedSource.Part p : source.pieces()) {
            kernels.accumulateGradientAndAveragePool(
                    p.of(dPooled),
                    chunk.of(p.values()),
                    chunk.pooledImages(),
                    height,
                    width,
                    p.affine(),
                    p.statistics(pass),
                    p.weight(),
                    p.add(),
                    chunk.of(p.gradient()),
                    p.of(partial),
                    p.of(pooled));
        }
    }

    private Matrix partials(Pass pass, int channels) {
        return memory.partials().reshaped(2 * chunks.count(pass.images()), channels);
    }
}
