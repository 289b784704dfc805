package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BlockMemory;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.LayerMemory;

/**
 * A dense layer without a bottleneck: BN-ReLU-Conv3x3 over the column prefix of its block's feature
 * matrix. Nothing but the k new features is ever stored, so SHARED and RECOMPUTE are the same.
 */
final class PlainLayer implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final LayerMemory memory;
    private final LayerMemory.Scratch scratch;
    private final BatchNormalisation norm;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Convolution convolution;
    private final NewFeatures newFeatures;
    private final Matrix prefix;
    private final Matrix prefixStatistics;
    private final Matrix prefixGradient;
    private final Matrix prefixDeferred;

    PlainLayer(Compute compute, BlockMemory block, LayerMemory memory, String parameters) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.scratch = memory.scratch();
        this.norm = new BatchNormalisation(compute, parameters + ".norm1", scratch.norm1());
        this.weight = compute.weight(parameters + ".conv1.weight");
        this.weightGradient = compute.weightGradient(parameters + ".conv1.weight");
        this.weightSums = LaneSums.rows(kernels, scratch.weightSums());
        this.convolution = compute.arena().convolution(memory.convolution());
        this.newFeatures = new NewFeatures(compute, block, memory);
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

    @Override
    public void forward(Pass pass) {
        Chunks chunks = memory.images();
        int count = chunks.count(pass.images());
        Dropout dropout = newFeatures.dropout(pass);
        Matrix partials = partials(count, memory.shape().growthRate());
        norm.prepareForward(pass, prefixStatistics, chunks.rowsPerImage() * pass.images());
        compute.packForward(convolution, weight, scratch.packedWeights());
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    int images = chunks.images(chunk, pass.images());
                    Matrix a = scratch.normalised()[lane].rows(0, rows);
                    Matrix y = scratch.output()[lane].rows(0, rows);
                    kernels.normaliseRelu(prefix.rows(first, rows), norm.affine(), a);
                    convolution.forward(lane, images, a, scratch.packedWeights(), y);
                    newFeatures.append(y, first, dropout, partials.rows(2 * chunk, 2));
                });
        newFeatures.finish(pass, partials);
    }

    @Override
    public void backward(Pass pass) {
        Chunks chunks = memory.images();
        int count = chunks.count(pass.images());
        Dropout dropout = newFeatures.dropout(pass);
        Matrix partials = partials(count, prefix.columns());
        Matrix statistics = norm.prepareBackward(pass, prefixStatistics);
        newFeatures.prepareGradient(pass);
        compute.packBackward(convolution, weight, scratch.packedWeights());
        weightSums.begin();
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    int images = chunks.images(chunk, pass.images());
                    Matrix x = prefix.rows(first, rows);
                    Matrix dY = scratch.output()[lane].rows(0, rows);
                    Matrix a = scratch.normalised()[lane].rows(0, rows);
                    Matrix dA = scratch.normalisedGradient()[lane].rows(0, rows);
                    newFeatures.gradient(first, dropout, dY);
                    kernels.normaliseRelu(x, norm.affine(), a);
                    convolution.backwardWeights(
                            lane, images, a, dY, scratch.weightPart()[lane], weightSums.of(lane));
                    convolution.backwardData(lane, images, dY, scratch.packedWeights(), dA);
                    kernels.accumulateGradient(
                            dA,
                            x,
                            norm.affine(),
                            statistics,
                            norm.weight(),
                            true,
                            prefixGradient.rows(first, rows),
                            partials.rows(2 * chunk, 2));
                });
        compute.reduce(weightSums, scratch.weightSums(), convolution, weightGradient);
        norm.finishDeferred(partials, count, statistics, true, prefixDeferred);
    }

    private Matrix partials(int chunks, int channels) {
        return scratch.partials().reshaped(2 * chunks, channels);
    }
}
