package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PooledConvolution;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.PooledConvolutionMemory;

import java.util.List;

/**
 * The stem for large images: a convolution, BN-ReLU, and a 3x3/2 max-pool into the first columns of
 * the first block.
 *
 * <p>The normalised output and the positions of the maxima are never stored: both are made again
 * per chunk. Under RECOMPUTE the convolution's output, the largest matrix of the network, is not
 * stored either; a chunk of it is made four times.
 */
final class PooledConvolutionStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final PooledConvolutionMemory memory;
    private final PooledConvolution node;
    private final Chunks chunks;
    private final RawSource source;
    private final int sourcePixels;
    private final int targetPixels;
    private final BatchNormalisation norm;
    private final NewColumns target;
    private final KeptCopy copy;
    private final Convolution convolution;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;

    PooledConvolutionStage(Compute compute, PooledConvolutionMemory memory) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.node = memory.node();
        this.chunks = memory.images();
        this.source = new RawSource(compute, node, 0, node.source());
        this.sourcePixels = node.source().height() * node.source().width();
        this.targetPixels = node.target().of().pixels();
        this.norm =
                new BatchNormalisation(
                        compute, node.norm(), memory.norm(), List.of(memory.statistics()));
        this.target = new NewColumns(compute, node, memory.correction());
        this.copy = KeptCopy.in(kernels, memory.normalised());
        this.convolution = compute.arena().convolution(memory.convolution());
        this.weight = compute.weight(node.convolution() + ".weight");
        this.weightGradient = compute.weightGradient(node.convolution() + ".weight");
        this.weightSums = LaneSums.rows(kernels, memory.scratch().weightSums());
    }

    @Override
    public String name() {
        return node.name();
    }

    @Override
    public Matrix output(Pass pass) {
        return target.of(pass);
    }

    private void packForward() {
        compute.packForward(convolution, weight, memory.scratch().packedWeights());
    }

    /** A chunk of the convolution's output: stored, or made again. */
    private Matrix convolved(int lane, Chunk chunk) {
        return memory.convolved().map(chunk::of).orElseGet(() -> convolve(lane, chunk));
    }

    private Matrix convolve(int lane, Chunk chunk) {
        Matrix s = memory.convolved().map(chunk::of).orElse(chunk.in(memory.output()[lane]));
        Chunk read = chunk.ofPixels(sourcePixels);
        convolution.forward(
                lane,
                chunk.images(),
                source.read(read, memory.source()[lane]),
                memory.scratch().packedWeights(),
                s);
        return s;
    }

    @Override
    public void forward(Pass pass) {
        int rows = pass.images() * chunks.rowsPerImage();
        Matrix partials = partials(pass);
        packForward();
        if (memory.convolved().isPresent() || compute.usesBatchStatistics(pass)) {
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
                    Matrix s = convolved(lane, chunk);
                    Matrix out = chunk.ofPixels(targetPixels).of(target.values());
                    copy.keep(chunk, s, norm.affine());
                    kernels.normaliseReluMaxPool(
                            s,
                            chunk.images(),
                            node.convolvedHeight(),
                            node.convolvedWidth(),
                            norm.affine(),
                            out);
                    kernels.channelStatistics(out, chunk.partial(partials));
                });
        target.finish(pass, partials, chunks.imagesPerChunk() * targetPixels);
    }

    @Override
    public void backward(Pass pass) {
        int count = chunks.count(pass.images());
        target.prepareGradient(pass);
        norm.prepareAgain(pass);
        Matrix statistics = norm.statistics(pass, 0);
        Matrix partials = partials(pass);
        if (memory.convolved().isEmpty()) {
            packForward();
        }
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix s = convolved(lane, chunk);
                    Matrix dS = throughPool(lane, chunk, s);
                    kernels.maskRelu(dS, s, norm.affine(), statistics, chunk.partial(partials));
                });
        int rows = pass.images() * chunks.rowsPerImage();
        Matrix correction = norm.finishAtOnce(pass, partials, count, rows);
        weightSums.begin();
        if (source.wantsGradient()) {
            compute.packBackward(convolution, weight, memory.packedForBackward());
        }
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix s = convolved(lane, chunk);
                    Matrix dS = throughPool(lane, chunk, s);
                    kernels.applyCorrection(dS, s, correction, statistics, false, dS);
                    backwardConvolution(pass, lane, chunk, dS);
                });
        compute.reduce(weightSums, memory.scratch().weightSums(), convolution, weightGradient);
    }

    private void backwardConvolution(Pass pass, int lane, Chunk chunk, Matrix dS) {
        Chunk read = chunk.ofPixels(sourcePixels);
        convolution.backwardWeights(
                lane,
                chunk.images(),
                source.read(read, memory.source()[lane]),
                dS,
                memory.scratch().weightPart()[lane],
                weightSums.of(lane));
        if (source.wantsGradient()) {
            Matrix dX = source.gradient(read, memory.source()[lane]);
            convolution.backwardData(lane, chunk.images(), dS, memory.packedForBackward(), dX);
            source.accumulate(pass, read, dX, dX);
        }
    }

    /** The finished gradient of the pooled output, taken back through the max-pool. */
    private Matrix throughPool(int lane, Chunk chunk, Matrix s) {
        Chunk pooled = chunk.ofPixels(targetPixels);
        Matrix dPooled = pooled.in(memory.pooledGradient()[lane]);
        Matrix dS = chunk.in(memory.gradient()[lane]);
        target.gradient(pooled, Dropout.NONE, dPooled);
        kernels.maxPoolBackward(
                dPooled,
                s,
                chunk.images(),
                node.convolvedHeight(),
                node.convolvedWidth(),
                norm.affine(),
                dS);
        return dS;
    }

    private Matrix partials(Pass pass) {
        return memory.partials().reshaped(2 * chunks.count(pass.images()), node.target().count());
    }
}
