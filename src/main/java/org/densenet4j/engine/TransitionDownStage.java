package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.TransitionDownMemory;

/**
 * A transition down of FC-DenseNet: BN-ReLU, 1x1 convolution, dropout, 2x2 max-pool (Jégou et al.
 * 2017, arXiv 1611.09326, table 1). Nothing but the pooled output is stored: the convolution runs
 * again in the backward pass, to find where the maxima were.
 */
final class TransitionDownStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final TransitionDownMemory memory;
    private final Chunks chunks;
    private final NormalisedSource source;
    private final NewColumns target;
    private final KeptCopy normalisedCopy;
    private final KeptCopy convolvedCopy;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Bias bias;

    TransitionDownStage(Compute compute, TransitionDownMemory memory) {
        TransitionDown node = memory.node();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.chunks = memory.chunks();
        this.source = new NormalisedSource(compute, node, 0, memory.norm());
        this.target = new NewColumns(compute, node, memory.correction());
        this.normalisedCopy = KeptCopy.in(kernels, memory.normalised());
        this.convolvedCopy = KeptCopy.in(kernels, memory.convolved());
        this.weight = compute.operand(node.convolution() + ".weight");
        this.weightGradient = compute.weightGradient(node.convolution() + ".weight");
        this.weightSums = new LaneSums(kernels, memory.weightSums());
        this.bias = new Bias(compute, node.convolution(), memory.biasSums());
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
    private Chunk pooled(Pass pass, Chunk chunk) {
        return memory.pooled().chunk(chunk.index(), pass.images());
    }

    /** The convolution's output behind dropout, and in {@code source} what was convolved. */
    private Matrix convolve(int lane, Chunk chunk, Dropout dropout) {
        Matrix a = source.read(chunk, memory.source()[lane]);
        Matrix y = chunk.in(memory.convolution()[lane]);
        compute.multiplyByTransposed(lane, a, weight, y);
        bias.addTo(y);
        return drop(lane, chunk, y, dropout, memory.dropped()[lane]);
    }

    /** Values or gradients without what is dropped, which is the same for both. */
    private Matrix drop(int lane, Chunk chunk, Matrix y, Dropout dropout, Matrix scratch) {
        if (dropout == Dropout.NONE) {
            return y;
        }
        Matrix kept = chunk.in(scratch);
        kernels.appendFeatures(y, kept, chunk.firstRow(), dropout, memory.dropPartial()[lane]);
        return kept;
    }

    @Override
    public void forward(Pass pass) {
        Dropout dropout = target.dropout(pass);
        Matrix partials = partials(pass, target.values().columns());
        source.prepareForward(pass);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix y = convolve(lane, chunk, dropout);
                    Matrix out = pooled(pass, chunk).of(target.values());
                    normalisedCopy.keep(chunk, chunk.in(memory.source()[lane]));
                    convolvedCopy.keep(chunk, y);
                    kernels.maxPool(y, chunk.pooledImages(), memory.pool(), out);
                    kernels.channelStatistics(out, chunk.partial(partials));
                });
        target.finish(pass, partials, memory.pooled());
    }

    @Override
    public void backward(Pass pass) {
        Dropout dropout = target.dropout(pass);
        Matrix partials = partials(pass, source.channels());
        target.prepareGradient(pass);
        source.prepareBackward(pass);
        weightSums.begin();
        bias.begin();
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix y = convolve(lane, chunk, dropout);
                    Chunk pooled = pooled(pass, chunk);
                    Matrix dOut = pooled.in(memory.outputGradient()[lane]);
                    target.gradient(pooled, Dropout.NONE, dOut);
                    Matrix dY = backwardPool(lane, chunk, y, dOut, dropout);
                    bias.addGradient(lane, dY);
                    Matrix a = chunk.in(memory.source()[lane]);
                    compute.multiplyTransposedInto(lane, dY, a, weightSums.of(lane));
                    compute.multiply(lane, dY, weight, a);
                    source.accumulate(pass, chunk, a, chunk.partial(partials));
                });
        compute.reduce(weightSums, weightGradient);
        bias.finish();
        source.finish(pass, partials, chunks);
    }

    /** From the pooled output's gradient to that of the convolution's output. */
    private Matrix backwardPool(int lane, Chunk chunk, Matrix y, Matrix dOut, Dropout dropout) {
        // Whichever of the two scratch matrices does not hold what was pooled.
        boolean drops = dropout != Dropout.NONE;
        Matrix dKept = chunk.in((drops ? memory.convolution() : memory.dropped())[lane]);
        kernels.maxPoolGradient(dOut, y, chunk.pooledImages(), memory.pool(), dKept);
        return drop(lane, chunk, dKept, dropout, memory.dropped()[lane]);
    }

    private Matrix partials(Pass pass, int channels) {
        return memory.partials().reshaped(2 * chunks.count(pass.images()), channels);
    }
}
