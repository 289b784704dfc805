package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BlockMemory;
import org.densenet4j.plan.LayerMemory;

/**
 * The k columns that a dense layer appends to its block's feature matrix, and their gradient.
 *
 * <p>When a layer's backward pass starts, all consumers of its columns are done: the deferred
 * batch-norm correction is applied to these k columns, once, instead of to the whole prefix for
 * every layer.
 */
final class NewFeatures {
    private static final int LAYERS_OF_NUMBERED_BLOCK = 1000;

    private final Compute compute;
    private final Kernels kernels;
    private final int layer;
    private final float survival;
    private final int pixels;
    private final int rowsPerChunk;
    private final Matrix columns;
    private final Matrix statistics;
    private final Matrix gradient;
    private final Matrix deferred;
    private final Matrix correction;
    private final boolean deferring;

    NewFeatures(Compute compute, BlockMemory block, LayerMemory memory) {
        this(compute, block, memory, true);
    }

    /**
     * @param deferring false when consumers add finished gradients, as the naive strategy does
     */
    NewFeatures(Compute compute, BlockMemory block, LayerMemory memory, boolean deferring) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.layer = layerNumber(memory.shape().block(), memory.shape().index());
        this.survival =
                (float)
                        compute.spec()
                                .survivalProbability(
                                        memory.shape().block(), memory.shape().index());
        this.pixels = memory.images().rowsPerImage();
        this.rowsPerChunk = memory.images().rowsPerChunk();
        int from = memory.shape().prefixChannels();
        int count = memory.shape().growthRate();
        this.columns = block.features().columns(from, count);
        this.statistics = block.statistics().columns(from, count);
        this.gradient = block.gradient().columns(from, count);
        this.deferred = block.deferred().columns(from, count);
        this.correction = memory.scratch().correction();
        this.deferring = deferring;
    }

    /**
     * A number of its own for every layer of a network: what it drops depends on it. Checkpoints of
     * networks whose blocks have up to a thousand layers continue with these draws, so their
     * numbers stay as they are; those of longer blocks lie above all of them.
     */
    static int layerNumber(int block, int index) {
        int most = LAYERS_OF_NUMBERED_BLOCK;
        return index <= most ? most * block + index : 1 << 30 | block << 20 | index;
    }

    Matrix of(Pass pass) {
        return columns.rows(0, pass.images() * pixels);
    }

    /**
     * What of this layer's output is dropped in this step, the same whenever it is asked for:
     * elements (dropout) and the whole layer (stochastic depth).
     */
    Dropout dropout(Pass pass) {
        double rate = compute.spec().dropout();
        return (rate > 0 || survival < 1) && pass.mode() != Mode.EVALUATE
                ? new Dropout(
                        (float) rate,
                        pass.seed(),
                        compute.memory().stepCounter().offset(),
                        layer,
                        survival)
                : Dropout.NONE;
    }

    void append(Matrix y, int firstRow, Dropout dropout, Matrix partial) {
        kernels.appendFeatures(y, columns.rows(firstRow, y.rows()), firstRow, dropout, partial);
    }

    /** Statistics of the new channels, for all their consumers. */
    void finish(Pass pass, Matrix partials) {
        if (pass.usesBatchStatistics()) {
            kernels.finishStatistics(
                    partials, rowsPerChunk, pass.images() * pixels, compute.epsilon(), statistics);
        }
    }

    void prepareGradient(Pass pass) {
        kernels.deferredCorrection(
                deferred,
                statistics,
                pass.images() * pixels,
                !deferring || !pass.usesBatchStatistics(),
                correction);
    }

    /** The finished gradient of a chunk of Y, dense. */
    void gradient(int firstRow, Dropout dropout, Matrix dY) {
        kernels.gradientOfAppended(
                gradient.rows(firstRow, dY.rows()),
                columns.rows(firstRow, dY.rows()),
                correction,
                statistics,
                firstRow,
                dropout,
                dY);
    }
}
