package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.plan.BlockMemory;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.LayerMemory;
import org.densenet4j.plan.MemoryStrategy;

/**
 * A dense layer with a bottleneck: BN-ReLU-Conv1x1-BN-ReLU-Conv3x3 over the column prefix of its
 * block's feature matrix (Huang et al. 2017, section 3).
 *
 * <pre>
 * A = relu(bn1(X[:, :K]))     a chunk at a time, never stored
 * Z = A·W1ᵀ                   stored (SHARED) or made again (RECOMPUTE)
 * T = relu(bn2(Z))            a chunk at a time, never stored
 * Y = conv3x3(T)              appended to X
 * </pre>
 *
 * The buffers that the technical report shares between layers (Pleiss et al. 2017, section 3) are
 * here no larger than a chunk of rows that stays in the cache.
 */
final class BottleneckLayer implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final LayerMemory memory;
    private final LayerMemory.Scratch scratch;
    private final boolean recompute;
    private final BatchNormalisation norm1;
    private final BatchNormalisation norm2;
    private final Matrix weight1;
    private final Matrix weight1Gradient;
    private final Matrix weight2;
    private final Matrix weight2Gradient;
    private final PointwiseConvolution pointwise;
    private final Convolution convolution;
    private final NewFeatures newFeatures;
    private final LaneSums weight1Sums;
    private final LaneSums weight2Sums;

    /** The prefix of X, its statistics, and where its gradient is accumulated. */
    private final Matrix prefix;

    private final Matrix prefixStatistics;
    private final Matrix prefixGradient;
    private final Matrix prefixDeferred;

    /** The 1x1 weights as the pass at hand reads them. */
    private Matrix packedWeight1;

    BottleneckLayer(Compute compute, BlockMemory block, LayerMemory memory, String parameters) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.scratch = memory.scratch();
        this.recompute = compute.memory().strategy() == MemoryStrategy.RECOMPUTE;
        this.norm1 = new BatchNormalisation(compute, parameters + ".norm1", scratch.norm1());
        this.norm2 = new BatchNormalisation(compute, parameters + ".norm2", scratch.norm2());
        this.weight1 = compute.operand(parameters + ".conv1.weight");
        this.weight1Gradient = compute.weightGradient(parameters + ".conv1.weight");
        this.weight2 = compute.weight(parameters + ".conv2.weight");
        this.weight2Gradient = compute.weightGradient(parameters + ".conv2.weight");
        this.pointwise = compute.arena().pointwise(memory.pointwise());
        this.convolution = compute.arena().convolution(memory.convolution());
        this.newFeatures = new NewFeatures(compute, block, memory);
        this.weight1Sums = new LaneSums(kernels, scratch.reduceWeightSums());
        this.weight2Sums = LaneSums.rows(kernels, scratch.weightSums());
        int channels = memory.shape().prefixChannels();
        this.prefix = block.features().prefix(channels);
        this.prefixStatistics = block.statistics().prefix(channels);
        this.prefixGradient = block.gradient().prefix(channels);
        this.prefixDeferred = block.deferred().prefix(channels);
    }

    @Override
    public String name() {
        return memory.name();
    }

    @Override
    public Matrix output(Pass pass) {
        return newFeatures.of(pass);
    }

    // ---------------------------------------------------------------- forward

    @Override
    public void forward(Pass pass) {
        int rows = memory.rows().rowsPerImage() * pass.images();
        Matrix z = memory.bottleneck();
        norm1.prepareForward(pass, prefixStatistics, rows);
        Matrix partials = partials(memory.rows().count(pass.images()), z.columns());
        compute.packForward(convolution, weight2, scratch.packedWeights(), this::packReduction);
        computeBottleneck(pass, z, partials);
        if (pass.usesBatchStatistics()) {
            kernels.finishStatistics(
                    partials,
                    memory.rows().rowsPerChunk(),
                    rows,
                    compute.epsilon(),
                    memory.bottleneckStatistics());
        }
        norm2.prepareForward(pass, memory.bottleneckStatistics(), rows);
        convolve(pass, z);
    }

    private void packReduction(int lane) {
        packedWeight1 = pointwise.packForward(lane, weight1, scratch.packedReduceWeights());
    }

    /** {@code Z = relu(bn1(X[:, :K]))·W1ᵀ}, chunk by chunk, with Z's statistics while it is hot. */
    private void computeBottleneck(Pass pass, Matrix z, Matrix partials) {
        Chunks chunks = memory.rows();
        compute.forEachChunk(
                chunks.count(pass.images()),
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    Matrix zChunk = z.rows(first, rows);
                    pointwise.forward(
                            lane,
                            prefix.rows(first, rows),
                            norm1.affine(),
                            packedWeight1,
                            scratch.reduce()[lane],
                            zChunk);
                    if (partials != null) {
                        kernels.channelStatistics(zChunk, partials.rows(2 * chunk, 2));
                    }
                });
    }

    /** {@code Y = conv3x3(relu(bn2(Z)))}, appended to X chunk by chunk. */
    private void convolve(Pass pass, Matrix z) {
        Chunks chunks = memory.images();
        int count = chunks.count(pass.images());
        Dropout dropout = newFeatures.dropout(pass);
        Matrix partials = partials(count, memory.shape().growthRate());
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    int images = chunks.images(chunk, pass.images());
                    Matrix t = scratch.normalised()[lane].rows(0, rows);
                    Matrix y = scratch.output()[lane].rows(0, rows);
                    convolution.forward(
                            kernels,
                            lane,
                            images,
                            z.rows(first, rows),
                            norm2.affine(),
                            t,
                            scratch.packedWeights(),
                            y);
                    newFeatures.append(y, first, dropout, partials.rows(2 * chunk, 2));
                });
        newFeatures.finish(pass, partials);
    }

    // ---------------------------------------------------------------- backward

    @Override
    public void backward(Pass pass) {
        Matrix z = memory.bottleneckInBackward();
        if (recompute) {
            norm1.prepareAgain(pass, prefixStatistics);
            compute.together(this::packReduction);
            computeBottleneck(pass, z, null);
        }
        Matrix statistics2 = norm2.prepareAgain(pass, memory.bottleneckStatistics());
        newFeatures.prepareGradient(pass);
        compute.packBackward(
                convolution, weight2, scratch.packedWeights(), this::packReductionBackward);
        backwardConvolution(pass, z, statistics2);
        int chunks = memory.images().count(pass.images());
        int rows = memory.rows().rowsPerImage() * pass.images();
        Matrix correction =
                norm2.finishAtOnce(pass, partials(chunks, z.columns()), chunks, statistics2, rows);
        backwardReduction(pass, z, statistics2, correction);
        compute.reduce(
                weight2Sums,
                scratch.weightSums(),
                convolution,
                weight2Gradient,
                this::addWeight1Gradient);
    }

    private void packReductionBackward(int lane) {
        packedWeight1 = pointwise.packBackward(lane, weight1, scratch.packedReduceWeights());
    }

    private void addWeight1Gradient(int lane) {
        weight1Sums.addTo(weight1Gradient, 0, weight1Gradient.rows());
    }

    /** From the finished gradient of Y to dW2 and the masked gradient dT. */
    private void backwardConvolution(Pass pass, Matrix z, Matrix statistics2) {
        Chunks chunks = memory.images();
        int count = chunks.count(pass.images());
        Dropout dropout = newFeatures.dropout(pass);
        Matrix partials = partials(count, z.columns());
        weight2Sums.begin();
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    int images = chunks.images(chunk, pass.images());
                    Matrix dY = scratch.output()[lane].rows(0, rows);
                    Matrix t = scratch.normalised()[lane].rows(0, rows);
                    Matrix zChunk = z.rows(first, rows);
                    Matrix dT = memory.bottleneckGradient().rows(first, rows);
                    newFeatures.gradient(first, dropout, dY);
                    convolution.backwardWeights(
                            kernels,
                            lane,
                            images,
                            zChunk,
                            norm2.affine(),
                            t,
                            dY,
                            scratch.weightPart()[lane],
                            weight2Sums.of(lane));
                    convolution.backwardData(lane, images, dY, scratch.packedWeights(), dT);
                    kernels.maskRelu(
                            dT, zChunk, norm2.affine(), statistics2, partials.rows(2 * chunk, 2));
                });
    }

    /** From dT to dW1 and this layer's share of the block's gradient; bn1 is deferred. */
    private void backwardReduction(Pass pass, Matrix z, Matrix statistics2, Matrix correction) {
        Chunks chunks = memory.rows();
        int count = chunks.count(pass.images());
        Matrix statistics1 = norm1.prepareBackward(pass, prefixStatistics);
        Matrix partials = partials(count, prefix.columns());
        weight1Sums.begin();
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    pointwise.backward(
                            lane,
                            new PointwiseGradient(
                                    memory.bottleneckGradient().rows(first, rows),
                                    z.rows(first, rows),
                                    correction,
                                    statistics2,
                                    prefix.rows(first, rows),
                                    norm1.affine(),
                                    statistics1,
                                    norm1.weight(),
                                    packedWeight1,
                                    weight1Sums.of(lane),
                                    prefixGradient.rows(first, rows),
                                    partials.rows(2 * chunk, 2)),
                            scratch.reduce()[lane]);
                });
        norm1.finishDeferred(partials, count, statistics1, true, prefixDeferred);
    }

    private Matrix partials(int chunks, int channels) {
        return scratch.partials().reshaped(2 * chunks, channels);
    }
}
