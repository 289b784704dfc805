package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BlockMemory;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.StemMemory;

/** The stem for small images: one 3x3 convolution into the first columns of the first block. */
final class SmallStem implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final StemMemory memory;
    private final StemMemory.Scratch scratch;
    private final StemConvolution convolution;
    private final Matrix features;
    private final Matrix statistics;
    private final Matrix gradient;
    private final Matrix deferred;
    private final boolean naive;

    SmallStem(Compute compute, StemMemory memory, BlockMemory block, boolean naive) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.scratch = memory.scratch();
        this.convolution = new StemConvolution(compute, memory);
        int channels = memory.shape().channels();
        this.features = block.features().prefix(channels);
        this.statistics = block.statistics().prefix(channels);
        this.gradient = block.gradient().prefix(channels);
        this.deferred = block.deferred().prefix(channels);
        this.naive = naive;
    }

    @Override
    public String name() {
        return "stem";
    }

    @Override
    public Matrix output(Pass pass) {
        return features.rows(0, pass.images() * memory.images().rowsPerImage());
    }

    @Override
    public void forward(Pass pass) {
        Chunks chunks = memory.images();
        int count = chunks.count(pass.images());
        Matrix partials = scratch.partials().reshaped(2 * count, features.columns());
        convolution.packForward();
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    Matrix y = convolution.forward(pass, lane, chunk);
                    kernels.appendFeatures(
                            y,
                            features.rows(first, y.rows()),
                            first,
                            Dropout.NONE,
                            partials.rows(2 * chunk, 2));
                });
        if (pass.usesBatchStatistics()) {
            kernels.finishStatistics(
                    partials,
                    chunks.rowsPerChunk(),
                    pass.images() * chunks.rowsPerImage(),
                    compute.epsilon(),
                    statistics);
        }
    }

    @Override
    public void backward(Pass pass) {
        Chunks chunks = memory.images();
        kernels.deferredCorrection(
                deferred,
                statistics,
                pass.images() * chunks.rowsPerImage(),
                naive || !pass.usesBatchStatistics(),
                scratch.correction());
        convolution.prepareBackward();
        compute.forEachChunk(
                chunks.count(pass.images()),
                (lane, chunk) -> {
                    int first = chunks.firstRow(chunk);
                    int rows = chunks.rows(chunk, pass.images());
                    Matrix dY = scratch.gradient()[lane].rows(0, rows);
                    kernels.applyCorrection(
                            gradient.rows(first, rows),
                            features.rows(first, rows),
                            scratch.correction(),
                            statistics,
                            false,
                            dY);
                    convolution.backward(pass, lane, chunk, dY);
                });
        convolution.finishBackward();
    }
}
