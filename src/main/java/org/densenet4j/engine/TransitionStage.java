package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BlockMemory;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.TransitionMemory;
import org.densenet4j.spec.TransitionShape;

/**
 * A transition: BN-ReLU-Conv1x1 and a 2x2 average pool (Huang et al. 2017, section 3). Pooling and
 * the convolution are both linear and commute, so the pool comes first and the convolution does a
 * quarter of the work. The result is written straight into the first columns of the next block.
 */
final class TransitionStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final TransitionMemory memory;
    private final TransitionMemory.Scratch scratch;
    private final BlockMemory from;
    private final BatchNormalisation norm;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Matrix output;
    private final Matrix outputStatistics;
    private final Matrix outputGradient;
    private final Matrix outputDeferred;
    private final boolean naive;
    private final FinishedGradient finished;

    TransitionStage(
            Compute compute,
            BlockMemory from,
            TransitionMemory memory,
            BlockMemory to,
            String parameters) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.scratch = memory.scratch();
        this.from = from;
        this.norm = new BatchNormalisation(compute, parameters + ".norm", scratch.norm());
        this.weight = compute.operand(parameters + ".conv.weight");
        this.weightGradient = compute.weightGradient(parameters + ".conv.weight");
        this.weightSums = new LaneSums(kernels, scratch.weightSums());
        int channels = memory.shape().outputChannels();
        this.output = to.features().prefix(channels);
        this.outputStatistics = to.statistics().prefix(channels);
        this.outputGradient = to.gradient().prefix(channels);
        this.outputDeferred = to.deferred().prefix(channels);
        this.naive = compute.memory().strategy() == MemoryStrategy.NAIVE;
        this.finished = new FinishedGradient(compute, from, memory.images(), scratch.correction());
    }

    @Override
    public String name() {
        return memory.name();
    }

    @Override
    public Matrix output(Pass pass) {
        return output.rows(0, pass.images() * outputPixels());
    }

    private int outputPixels() {
        return memory.shape().outHeight() * memory.shape().outWidth();
    }

    private Matrix outputRows(Matrix matrix, int chunk, int images) {
        int firstImage = chunk * memory.images().imagesPerChunk();
        return matrix.rows(firstImage * outputPixels(), images * outputPixels());
    }

    @Override
    public void forward(Pass pass) {
        TransitionShape s = memory.shape();
        Chunks chunks = memory.images();
        int count = chunks.count(pass.images());
        norm.prepareForward(pass, from.statistics(), pass.images() * chunks.rowsPerImage());
        Matrix partials = partials(count, s.outputChannels());
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int images = chunks.images(chunk, pass.images());
                    int rows = chunks.rows(chunk, pass.images());
                    Matrix x = from.features().rows(chunks.firstRow(chunk), rows);
                    Matrix pooled = pooled(lane, images);
                    Matrix out = outputRows(output, chunk, images);
                    if (naive) {
                        kernels.normaliseRelu(
                                x,
                                norm.affine(),
                                memory.normalised().rows(chunks.firstRow(chunk), rows));
                    }
                    kernels.normaliseReluAveragePool(
                            x, images, s.height(), s.width(), norm.affine(), pooled);
                    compute.multiplyByTransposed(lane, pooled, weight, out);
                    kernels.channelStatistics(out, partials.rows(2 * chunk, 2));
                });
        if (pass.usesBatchStatistics()) {
            kernels.finishStatistics(
                    partials,
                    chunks.imagesPerChunk() * outputPixels(),
                    pass.images() * outputPixels(),
                    compute.epsilon(),
                    outputStatistics);
        }
    }

    @Override
    public void backward(Pass pass) {
        TransitionShape s = memory.shape();
        Chunks chunks = memory.images();
        int count = chunks.count(pass.images());
        Matrix correction = scratch.correction().reshaped(3, s.outputChannels());
        kernels.deferredCorrection(
                outputDeferred,
                outputStatistics,
                pass.images() * outputPixels(),
                naive || !pass.usesBatchStatistics(),
                correction);
        Matrix statistics = norm.prepareBackward(pass, from.statistics());
        Matrix partials = partials(count, s.inputChannels());
        weightSums.begin();
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int images = chunks.images(chunk, pass.images());
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    Matrix x = from.features().rows(first, rows);
                    Matrix dOut = scratch.outputGradient()[lane].rows(0, images * outputPixels());
                    Matrix pooled = pooled(lane, images);
                    Matrix dPooled =
                            scratch.pooledGradient()[lane].rows(0, images * outputPixels());
                    kernels.applyCorrection(
                            outputRows(outputGradient, chunk, images),
                            outputRows(output, chunk, images),
                            correction,
                            outputStatistics,
                            false,
                            dOut);
                    kernels.normaliseReluAveragePool(
                            x, images, s.height(), s.width(), norm.affine(), pooled);
                    compute.multiplyTransposedInto(lane, dOut, pooled, weightSums.of(lane));
                    compute.multiply(lane, dOut, weight, dPooled);
                    kernels.accumulateGradientAveragePool(
                            dPooled,
                            x,
                            images,
                            s.height(),
                            s.width(),
                            norm.affine(),
                            statistics,
                            norm.weight(),
                            from.gradient().rows(first, rows),
                            partials.rows(2 * chunk, 2));
                });
        compute.reduce(weightSums, weightGradient);
        norm.finishDeferred(partials, count, statistics, false, from.deferred());
        if (naive) {
            finished.applyTo(pass);
        }
    }

    private Matrix pooled(int lane, int images) {
        return scratch.pooled()[lane].rows(0, images * outputPixels());
    }

    private Matrix partials(int count, int channels) {
        return scratch.partials().reshaped(2 * count, channels);
    }
}
