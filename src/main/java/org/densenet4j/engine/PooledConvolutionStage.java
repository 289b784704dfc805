package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.plan.BandedPooledConvolutionMemory;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.PooledConvolutionMemory;
import org.densenet4j.plan.WholePooledConvolutionMemory;

import java.util.List;
import java.util.Optional;

/**
 * The stem for large images: a convolution, BN-ReLU, and a 3x3/2 max-pool into the first columns of
 * the first block.
 *
 * <p>The normalised output and the positions of the maxima are never stored: both are made again
 * per chunk. Under RECOMPUTE the convolution's output S, the largest matrix of the network, is not
 * stored either; a chunk of it is made four times. How a chunk is worked on, as whole images or as
 * a band of rows, is up to the two subclasses.
 */
abstract sealed class PooledConvolutionStage implements Stage
        permits WholePooledConvolutionStage, BandedPooledConvolutionStage {
    final Compute compute;
    final Kernels kernels;
    final PooledConvolution node;
    final RawSource source;
    final BatchNormalisation norm;
    final NewColumns target;
    final KeptCopy copy;
    final Convolution convolution;
    final Matrix weight;
    final LaneSums weightSums;
    private final PooledConvolutionMemory memory;
    private final Chunks chunks;
    private final Chunks outgoing;
    private final Matrix weightGradient;
    private final Optional<Bias> bias;

    PooledConvolutionStage(Compute compute, PooledConvolutionMemory memory) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.node = memory.node();
        this.chunks = memory.chunks();
        this.outgoing = memory.outgoing();
        this.source = new RawSource(compute, node, 0, node.source());
        this.norm =
                new BatchNormalisation(
                        compute, node.norm(), memory.norm(), List.of(memory.statistics()));
        this.target = new NewColumns(compute, node, memory.correction());
        this.copy = KeptCopy.in(kernels, memory.normalised());
        this.convolution = compute.arena().convolution(memory.convolution());
        this.weight = compute.weight(node.convolution() + ".weight");
        this.weightGradient = compute.weightGradient(node.convolution() + ".weight");
        this.bias =
                node.bias()
                        ? Optional.of(new Bias(compute, node.convolution(), memory.biasSums()))
                        : Optional.empty();
        this.weightSums = LaneSums.rows(kernels, memory.scratch().weightSums());
    }

    static PooledConvolutionStage of(Compute compute, PooledConvolutionMemory memory) {
        return switch (memory) {
            case WholePooledConvolutionMemory m -> new WholePooledConvolutionStage(compute, m);
            case BandedPooledConvolutionMemory m -> new BandedPooledConvolutionStage(compute, m);
        };
    }

    @Override
    public String name() {
        return node.name();
    }

    @Override
    public Matrix output(Pass pass) {
        return target.of(pass);
    }

    // ---------------------------------------------------------------- one chunk

    /** Adds the bias to what was convolved. */
    final void addBias(Matrix s) {
        bias.ifPresent(b -> b.addTo(s));
    }

    /** S of a chunk, made anew, and stored where that is planned. */
    abstract Matrix convolve(int lane, Chunk chunk);

    /** Normalises S of a chunk, takes it through ReLU and pool, and writes what comes out. */
    abstract void pool(int lane, Chunk chunk, Matrix out);

    /**
     * Takes the finished gradient of the pooled output back through the max-pool and the ReLU, for
     * its sums alone.
     *
     * @param pooled the chunk of the pooled output
     * @param statistics [3, C] of S
     * @param partial [2, C], overwritten with dbeta's and dgamma's part of the chunk
     */
    abstract void sumThroughPool(
            int lane, Chunk chunk, Chunk pooled, Matrix statistics, Matrix partial);

    /**
     * The gradient of S of a chunk, through the max-pool, the ReLU and the batch normalisation.
     *
     * @param pooled the chunk of the pooled output
     * @param statistics [3, C] of S
     * @param correction [3, C] of the batch normalisation
     */
    abstract Matrix gradientThroughPool(
            int lane, Chunk chunk, Chunk pooled, Matrix statistics, Matrix correction);

    /** Before {@link #backwardConvolution} of all chunks. */
    abstract void prepareConvolutionBackward();

    /** Adds a chunk's part to the gradient of the weights, and passes that of what is read on. */
    abstract void backwardConvolution(Pass pass, int lane, Chunk chunk, Matrix dS);

    // ---------------------------------------------------------------- the passes

    @Override
    public void forward(Pass pass) {
        int rows = rows(pass);
        Matrix partials = partials(pass);
        packForward();
        if (memory.stored().isPresent() || compute.usesBatchStatistics(pass)) {
            compute.forEachChunk(
                    chunks,
                    pass,
                    (lane, chunk) ->
                            kernels.channelStatistics(
                                    convolve(lane, chunk), chunk.partial(partials)));
        }
        if (compute.usesBatchStatistics(pass)) {
            kernels.finishStatistics(
                    partials,
                    chunks.rowsPerChunk(),
                    rows,
                    (float) node.norm().epsilon(),
                    memory.statistics());
        }
        norm.prepareForward(pass, rows);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix out = outgoing(pass, chunk).of(target.values());
                    pool(lane, chunk, out);
                    kernels.channelStatistics(out, chunk.partial(partials));
                });
        target.finish(pass, partials, outgoing);
    }

    @Override
    public void backward(Pass pass) {
        target.prepareGradient(pass);
        norm.prepareAgain(pass);
        Matrix statistics = norm.statistics(pass, 0);
        Matrix partials = partials(pass);
        if (memory.stored().isEmpty()) {
            packForward();
        }
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) ->
                        sumThroughPool(
                                lane,
                                chunk,
                                outgoing(pass, chunk),
                                statistics,
                                chunk.partial(partials)));
        Matrix correction =
                norm.finishAtOnce(pass, partials, chunks.count(pass.images()), rows(pass));
        weightSums.begin();
        bias.ifPresent(Bias::begin);
        prepareConvolutionBackward();
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix dS =
                            gradientThroughPool(
                                    lane, chunk, outgoing(pass, chunk), statistics, correction);
                    bias.ifPresent(b -> b.addGradient(lane, dS));
                    backwardConvolution(pass, lane, chunk, dS);
                });
        compute.reduce(weightSums, memory.scratch().weightSums(), convolution, weightGradient);
        bias.ifPresent(Bias::finish);
    }

    private void packForward() {
        compute.packForward(convolution, weight, memory.scratch().packedWeights());
    }

    /** A chunk of the pooled output. */
    private Chunk outgoing(Pass pass, Chunk chunk) {
        return outgoing.chunk(chunk.index(), pass.images());
    }

    /** Rows of S. */
    private int rows(Pass pass) {
        return pass.images() * chunks.rowsPerImage();
    }

    private Matrix partials(Pass pass) {
        return memory.partials().reshaped(2 * chunks.count(pass.images()), node.target().count());
    }
}
