package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BlockMemory;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.LayerMemory;

/**
 * A dense layer as an autograd framework runs it, for comparison: it copies its own concatenation,
 * takes statistics of all of it, and keeps every intermediate result for the backward pass, which
 * finishes each batch normalisation's gradient over the whole prefix at once.
 *
 * <p>The same kernels, threads and chunk sizes as the other strategies: nothing here is slowed
 * down.
 */
final class NaiveLayer implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final LayerMemory memory;
    private final LayerMemory.Scratch scratch;
    private final LayerMemory.Copies copies;
    private final Chunks chunks;
    private final boolean bottleneck;
    private final BatchNormalisation norm1;
    private final BatchNormalisation norm2;
    private final Matrix weight1;
    private final Matrix weight1Gradient;
    private final LaneSums weight1Sums;
    private final Matrix weight3x3;
    private final Matrix weight3x3Gradient;
    private final LaneSums weight3x3Sums;
    private final Convolution convolution;
    private final NewFeatures newFeatures;
    private final Matrix prefix;
    private final Matrix prefixGradient;

    NaiveLayer(Compute compute, BlockMemory block, LayerMemory memory, String parameters) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.scratch = memory.scratch();
        this.copies = memory.copies();
        this.bottleneck = memory.bottleneck() != null;
        this.chunks = bottleneck ? memory.rows() : memory.images();
        this.norm1 = new BatchNormalisation(compute, parameters + ".norm1", scratch.norm1());
        this.norm2 =
                bottleneck
                        ? new BatchNormalisation(compute, parameters + ".norm2", scratch.norm2())
                        : null;
        String conv1 = parameters + ".conv1.weight";
        String conv3x3 = bottleneck ? parameters + ".conv2.weight" : conv1;
        this.weight1 = compute.operand(conv1);
        this.weight1Gradient = compute.weightGradient(conv1);
        this.weight3x3 = compute.weight(conv3x3);
        this.weight3x3Gradient = compute.weightGradient(conv3x3);
        this.weight1Sums = bottleneck ? new LaneSums(kernels, scratch.reduceWeightSums()) : null;
        this.weight3x3Sums = LaneSums.rows(kernels, scratch.weightSums());
        this.convolution = compute.arena().convolution(memory.convolution());
        this.newFeatures = new NewFeatures(compute, block, memory, false);
        int channels = memory.shape().prefixChannels();
        this.prefix = block.features().prefix(channels);
        this.prefixGradient = block.gradient().prefix(channels);
    }

    @Override
    public String name() {
        return memory.name();
    }

    @Override
    public Matrix output(Pass pass) {
        return newFeatures.of(pass);
    }

    private int rows(Pass pass) {
        return chunks.rowsPerImage() * pass.images();
    }

    // ---------------------------------------------------------------- forward

    @Override
    public void forward(Pass pass) {
        concatenate(pass);
        norm1.prepareForward(pass, copies.statistics(), rows(pass));
        if (bottleneck) {
            reduce(pass);
            norm2.prepareForward(pass, memory.bottleneckStatistics(), rows(pass));
            normalise(pass, memory.bottleneck(), norm2, copies.bottleneckNormalised());
        } else {
            normalise(pass, copies.concatenation(), norm1, copies.normalised());
        }
        convolve(pass);
    }

    private void concatenate(Pass pass) {
        int count = chunks.count(pass.images());
        Matrix partials = partials(count, prefix.columns());
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    Matrix c = copies.concatenation().rows(first, rows);
                    kernels.copy(prefix.rows(first, rows), c);
                    kernels.channelStatistics(c, partials.rows(2 * chunk, 2));
                });
        if (pass.usesBatchStatistics()) {
            kernels.finishStatistics(
                    partials,
                    chunks.rowsPerChunk(),
                    rows(pass),
                    compute.epsilon(),
                    copies.statistics());
        }
    }

    private void reduce(Pass pass) {
        int count = chunks.count(pass.images());
        Matrix partials = partials(count, memory.bottleneck().columns());
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    Matrix a = copies.normalised().rows(first, rows);
                    Matrix z = memory.bottleneck().rows(first, rows);
                    kernels.normaliseRelu(
                            copies.concatenation().rows(first, rows), norm1.affine(), a);
                    compute.multiplyByTransposed(lane, a, weight1, z);
                    kernels.channelStatistics(z, partials.rows(2 * chunk, 2));
                });
        if (pass.usesBatchStatistics()) {
            kernels.finishStatistics(
                    partials,
                    chunks.rowsPerChunk(),
                    rows(pass),
                    compute.epsilon(),
                    memory.bottleneckStatistics());
        }
    }

    private void normalise(Pass pass, Matrix x, BatchNormalisation norm, Matrix out) {
        compute.forEachChunk(
                chunks.count(pass.images()),
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    kernels.normaliseRelu(
                            x.rows(first, rows), norm.affine(), out.rows(first, rows));
                });
    }

    /** Input of the 3x3 convolution. */
    private Matrix convolved() {
        return bottleneck ? copies.bottleneckNormalised() : copies.normalised();
    }

    private void convolve(Pass pass) {
        Chunks images = memory.images();
        int count = images.count(pass.images());
        Dropout dropout = newFeatures.dropout(pass);
        Matrix partials = partials(count, memory.shape().growthRate());
        compute.packForward(convolution, weight3x3, scratch.packedWeights());
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = images.firstRow(chunk);
                    int rows = images.rows(chunk, pass.images());
                    Matrix y = scratch.output()[lane].rows(0, rows);
                    convolution.forward(
                            lane,
                            images.images(chunk, pass.images()),
                            convolved().rows(first, rows),
                            scratch.packedWeights(),
                            y);
                    newFeatures.append(y, first, dropout, partials.rows(2 * chunk, 2));
                });
        newFeatures.finish(pass, partials);
    }

    // ---------------------------------------------------------------- backward

    @Override
    public void backward(Pass pass) {
        Matrix dConvolved = bottleneck ? memory.bottleneckGradient() : copies.gradient();
        backwardConvolution(pass, dConvolved);
        if (bottleneck) {
            backwardNormalisation(
                    pass,
                    norm2,
                    memory.bottleneck(),
                    memory.bottleneckStatistics(),
                    dConvolved,
                    false,
                    dConvolved);
            backwardReduction(pass, dConvolved);
        }
        backwardNormalisation(
                pass,
                norm1,
                copies.concatenation(),
                copies.statistics(),
                copies.gradient(),
                true,
                prefixGradient);
    }

    private void backwardConvolution(Pass pass, Matrix dConvolved) {
        Chunks images = memory.images();
        int count = images.count(pass.images());
        Dropout dropout = newFeatures.dropout(pass);
        newFeatures.prepareGradient(pass);
        compute.packBackward(convolution, weight3x3, scratch.packedWeights());
        weight3x3Sums.begin();
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = images.firstRow(chunk);
                    int rows = images.rows(chunk, pass.images());
                    int n = images.images(chunk, pass.images());
                    Matrix dY = scratch.output()[lane].rows(0, rows);
                    newFeatures.gradient(first, dropout, dY);
                    convolution.backwardWeights(
                            lane,
                            n,
                            convolved().rows(first, rows),
                            dY,
                            scratch.weightPart()[lane],
                            weight3x3Sums.of(lane));
                    convolution.backwardData(
                            lane, n, dY, scratch.packedWeights(), dConvolved.rows(first, rows));
                });
        compute.reduce(weight3x3Sums, scratch.weightSums(), convolution, weight3x3Gradient);
    }

    private void backwardReduction(Pass pass, Matrix dZ) {
        weight1Sums.begin();
        compute.forEachChunk(
                chunks.count(pass.images()),
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    Matrix dZChunk = dZ.rows(first, rows);
                    compute.multiplyTransposedInto(
                            lane,
                            dZChunk,
                            copies.normalised().rows(first, rows),
                            weight1Sums.of(lane));
                    compute.multiply(lane, dZChunk, weight1, copies.gradient().rows(first, rows));
                });
        compute.reduce(weight1Sums, weight1Gradient);
    }

    /** Through the ReLU and the batch normalisation of {@code x}, finished at once. */
    private void backwardNormalisation(
            Pass pass,
            BatchNormalisation norm,
            Matrix x,
            Matrix batchStatistics,
            Matrix gradient,
            boolean add,
            Matrix out) {
        int count = chunks.count(pass.images());
        Matrix partials = partials(count, x.columns());
        Matrix statistics = norm.prepareAgain(pass, batchStatistics);
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    kernels.maskRelu(
                            gradient.rows(first, rows),
                            x.rows(first, rows),
                            norm.affine(),
                            statistics,
                            partials.rows(2 * chunk, 2));
                });
        Matrix correction = norm.finishAtOnce(pass, partials, count, statistics, rows(pass));
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    kernels.applyCorrection(
                            gradient.rows(first, rows),
                            x.rows(first, rows),
                            correction,
                            statistics,
                            add,
                            out.rows(first, rows));
                });
    }

    private Matrix partials(int count, int channels) {
        return scratch.partials().reshaped(2 * count, channels);
    }
}
