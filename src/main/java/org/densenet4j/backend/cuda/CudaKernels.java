package org.densenet4j.backend.cuda;

import org.densenet4j.backend.AdamCoefficients;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.DepthwiseShape;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.OutputLoss;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.backend.RmspropCoefficients;
import org.jspecify.annotations.Nullable;

import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The fused passes of a step as launches of the kernels in {@code cuda-kernels/}.
 *
 * <p>Per-channel sums take two launches: blocks write their sums into scratch, a small kernel adds
 * them in order. There are no atomics, so results are bit-identical from run to run.
 */
final class CudaKernels implements Kernels {
    private static final int COMBINE_CHANNELS = 8;
    private static final int COMBINE_ROWS = 32;

    /** Up to so many rows one block adds columns up sooner than two launches do. */
    private static final int ROWS_OF_ONE_BLOCK = 1024;

    private final KernelLauncher launcher;
    private final SmallOperations small;
    private final long base;
    private final long scratchOffset;
    private final long scratch;
    private final int blocks;
    private final CudaPools pools;
    private final CudaMixers mixers;
    private final CudaL2Norm l2Norms;

    /**
     * @param small operations of the same arena
     * @param base device address of the arena
     * @param scratchOffset {@link Tiling#REDUCTION_BYTES} of the arena for sums of blocks
     * @param blocks how many blocks of 256 threads fill the device
     */
    CudaKernels(
            KernelLauncher launcher,
            SmallOperations small,
            long base,
            long scratchOffset,
            int blocks) {
        this.launcher = launcher;
        this.small = small;
        this.base = base;
        this.scratchOffset = scratchOffset;
        this.scratch = base + scratchOffset;
        this.blocks = blocks;
        this.pools = new CudaPools(launcher, base, blocks);
        this.mixers = new CudaMixers(launcher, base, scratchOffset, blocks);
        this.l2Norms = new CudaL2Norm(launcher, base, scratchOffset, blocks);
    }

    private long address(Matrix m) {
        return base + m.offset();
    }

    private Tiling tiling(int rows, int columns, Matrix... operands) {
        return Tiling.of(rows, columns, blocks, operands);
    }

    /** Of kernels that look at a pixel's neighbours: {@code WINDOW_BLOCKS} of common.cuh. */
    private Tiling windowTiling(int rows, int columns, Matrix... operands) {
        return Tiling.of(rows, columns, Tiling.windowBlocks(blocks), operands);
    }

    private void launch(Tiling tiling, String kernel, Traffic traffic, Object... arguments) {
        launcher.launch(tiling.entry(kernel), tiling.grid(), traffic, arguments);
    }

    /** The entry point of a kernel for one storage of activations. */
    static String typed(String kernel, DataType storage) {
        return storage == DataType.FLOAT32 ? kernel : kernel + "_bf16";
    }

    /** What is done to sums of tiles: by one block, or by many where there are many tiles. */
    private void combine(
            SmallOperation operation, Matrix tiles, Matrix partial, Object... arguments) {
        Traffic traffic = Traffic.reading(tiles).writing(partial);
        int channels = partial.columns();
        if (SmallOperations.combines(tiles)) {
            small.combine(operation, channels, traffic, arguments);
        } else {
            launcher.launch(operation.label(), combining(channels), traffic, arguments);
        }
    }

    /** The two sums of each row tile that a reduction's blocks write into scratch. */
    private Matrix tiles(Tiling tiling, int channels) {
        return Matrix.dense(scratchOffset, 2 * tiling.rowTiles(), channels);
    }

    private static Grid combining(int channels) {
        return new Grid(
                Math.ceilDiv(channels, COMBINE_CHANNELS), 1, COMBINE_CHANNELS, COMBINE_ROWS);
    }

    private void combineStatistics(Tiling tiling, int rows, Matrix partial) {
        combineStatistics(tiles(tiling, partial.columns()), tiling.rowsPerTile(), rows, partial);
    }

    /**
     * Mean and sum of squared deviations of all rows from those of tiles.
     *
     * @param tiles [2·tiles, C], dense
     * @param rowsPerTile rows of every tile but the last
     * @param rows of all
     * @param partial [2, C], overwritten
     */
    void combineStatistics(Matrix tiles, int rowsPerTile, int rows, Matrix partial) {
        combine(
                SmallOperation.COMBINE_STATISTICS,
                tiles,
                partial,
                address(tiles),
                tiles.rows() / 2,
                rowsPerTile,
                rows,
                partial.columns(),
                address(partial),
                partial.stride());
    }

    private void combineSums(Tiling tiling, Matrix partial) {
        combineSums(tiles(tiling, partial.columns()), partial);
    }

    /**
     * Two sums of all rows from those of tiles.
     *
     * @param tiles [2·tiles, C], dense
     * @param partial [2, C], overwritten
     */
    void combineSums(Matrix tiles, Matrix partial) {
        combine(
                SmallOperation.COMBINE_SUMS,
                tiles,
                partial,
                address(tiles),
                tiles.rows() / 2,
                partial.columns(),
                address(partial),
                partial.stride());
    }

    private void combineRows(Matrix rows, boolean add, Matrix sums) {
        launcher.launch(
                "combine_rows",
                combining(rows.columns()),
                Traffic.reading(rows).storing(sums, add),
                address(rows),
                rows.rows(),
                rows.columns(),
                flag(add),
                address(sums));
    }

    // ---------------------------------------------------------------- forward, per chunk

    @Override
    public void channelStatistics(Matrix x, Matrix partial) {
        Tiling t = tiling(x.rows(), x.columns(), x);
        launch(
                t,
                "channel_statistics",
                Traffic.reading(x).writing(tiles(t, x.columns())),
                address(x),
                x.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile(),
                scratch);
        combineStatistics(t, x.rows(), partial);
    }

    @Override
    public void normaliseRelu(Matrix x, Matrix affine, Matrix out) {
        Tiling t = tiling(x.rows(), x.columns(), x, affine, out);
        launch(
                t,
                "normalise_relu",
                Traffic.reading(x, affine).writing(out),
                address(x),
                x.stride(),
                address(affine),
                affine.stride(),
                address(out),
                out.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile());
    }

    @Override
    public void normalise(Matrix x, Matrix affine, Matrix out) {
        Tiling t = tiling(x.rows(), x.columns(), x, affine, out);
        launch(
                t,
                "normalise",
                Traffic.reading(x, affine).writing(out),
                address(x),
                x.stride(),
                address(affine),
                affine.stride(),
                address(out),
                out.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile());
    }

    @Override
    public void addNormalised(Matrix x, Matrix affine, Matrix addend, boolean relu, Matrix out) {
        Tiling t = tiling(x.rows(), x.columns(), x, affine, addend, out);
        launch(
                t,
                "add_normalised",
                Traffic.reading(x, affine, addend).writing(out),
                address(x),
                x.stride(),
                address(affine),
                affine.stride(),
                address(addend),
                addend.stride(),
                flag(relu),
                address(out),
                out.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile());
    }

    @Override
    public void appendFeatures(
            Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial) {
        Tiling t = tiling(y.rows(), y.columns(), y, columns);
        launch(
                t,
                "append_features",
                Traffic.reading(y).writing(columns, tiles(t, y.columns())),
                ProductKernels.joined(
                        new Object[] {
                            address(y),
                            y.stride(),
                            address(columns),
                            columns.stride(),
                            y.rows(),
                            y.columns(),
                            t.rowsPerTile(),
                            firstRow
                        },
                        dropout(dropout, base),
                        new Object[] {scratch}));
        combineStatistics(t, y.rows(), partial);
    }

    /**
     * What kernels take of a dropout, {@code Dropout} of {@code cuda-kernels/dropout.cuh}: a
     * threshold of 0 where nothing is dropped.
     *
     * @param base address of the arena, in which the step's counter lies
     */
    static Object[] dropout(Dropout dropout, long base) {
        return new Object[] {
            dropout.active() ? dropout.threshold() : 0,
            dropout.layerThreshold(),
            dropout.keptScale(),
            (int) dropout.seed(),
            (int) (dropout.seed() >>> 32),
            base + dropout.counter(),
            dropout.layer()
        };
    }

    @Override
    public void normaliseReluAveragePool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        pool("normalise_relu_average_pool", x, height, width, affine, out);
    }

    @Override
    public void normaliseReluMaxPool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        pool("normalise_relu_max_pool", x, height, width, affine, out);
    }

    private void pool(String kernel, Matrix x, int height, int width, Matrix affine, Matrix out) {
        Tiling t = tiling(out.rows(), x.columns(), x, affine, out);
        launch(
                t,
                kernel,
                Traffic.reading(x, affine).writing(out),
                address(x),
                x.stride(),
                height,
                width,
                address(affine),
                affine.stride(),
                address(out),
                out.stride(),
                out.rows(),
                x.columns(),
                t.rowsPerTile());
    }

    @Override
    public void normaliseReluGlobalPool(
            Matrix x, int images, int pixels, Matrix affine, Matrix out) {
        Tiling t = tiling(x.rows(), x.columns(), x, affine, out).withRowTiles(images);
        launch(
                t,
                "normalise_relu_global_pool",
                Traffic.reading(x, affine).writing(out),
                address(x),
                x.stride(),
                pixels,
                address(affine),
                affine.stride(),
                address(out),
                out.stride(),
                x.columns());
    }

    // ---------------------------------------------------------------- forward, per channel

    @Override
    public void finishStatistics(
            Matrix partials, int rowsPerChunk, int rows, float epsilon, Matrix statistics) {
        small.onChannels(
                SmallOperation.FINISH_STATISTICS,
                partials.columns(),
                Traffic.reading(partials).writing(statistics),
                address(partials),
                partials.stride(),
                Math.ceilDiv(rows, rowsPerChunk),
                rowsPerChunk,
                rows,
                epsilon,
                address(statistics),
                statistics.stride(),
                partials.columns());
    }

    @Override
    public void updateRunningStatistics(
            Matrix statistics,
            int rows,
            float momentum,
            Matrix runningMean,
            Matrix runningVariance) {
        small.onChannels(
                SmallOperation.UPDATE_RUNNING_STATISTICS,
                statistics.columns(),
                Traffic.reading(statistics.rows(0, 2)).updating(runningMean, runningVariance),
                address(statistics),
                statistics.stride(),
                rows > 1 ? rows / (rows - 1f) : 1f,
                momentum,
                address(runningMean),
                address(runningVariance),
                statistics.columns());
    }

    @Override
    public void statisticsOfRunning(
            Matrix runningMean, Matrix runningVariance, float epsilon, Matrix statistics) {
        small.onChannels(
                SmallOperation.STATISTICS_OF_RUNNING,
                statistics.columns(),
                Traffic.reading(runningMean, runningVariance).writing(statistics),
                address(runningMean),
                address(runningVariance),
                epsilon,
                address(statistics),
                statistics.stride(),
                statistics.columns());
    }

    @Override
    public void foldNormalisation(Matrix statistics, Matrix gamma, Matrix beta, Matrix affine) {
        small.onChannels(
                SmallOperation.FOLD_NORMALISATION,
                statistics.columns(),
                Traffic.reading(statistics.row(0), statistics.row(2), gamma, beta).writing(affine),
                address(statistics),
                statistics.stride(),
                address(gamma),
                address(beta),
                address(affine),
                affine.stride(),
                statistics.columns());
    }

    // ---------------------------------------------------------------- head and loss

    @Override
    public void addBias(Matrix x, Matrix bias) {
        Tiling t = tiling(x.rows(), x.columns(), x, bias);
        launch(
                t,
                "add_bias",
                Traffic.reading(bias).updating(x),
                address(bias),
                address(x),
                x.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile());
    }

    @Override
    public void softmaxCrossEntropy(
            Matrix logits,
            long labels,
            float smoothing,
            float gradientScale,
            Matrix losses,
            Matrix hits,
            Matrix gradient) {
        launcher.launch(
                "softmax_cross_entropy",
                new Grid(Math.ceilDiv(logits.rows(), 8), 1, 32, 8),
                Traffic.reading(logits, Matrix.vector(labels, logits.rows()))
                        .writing(losses, hits, gradient),
                address(logits),
                logits.stride(),
                base + labels,
                smoothing,
                gradientScale,
                address(losses),
                address(hits),
                address(gradient),
                gradient.stride(),
                logits.rows(),
                logits.columns());
    }

    @Override
    public void softmaxVectorLoss(
            Matrix logits,
            Matrix targets,
            Matrix scale,
            float smoothing,
            float focus,
            Matrix losses,
            Matrix hits,
            Matrix gradient) {
        launcher.launch(
                "softmax_vector_loss",
                new Grid(Math.ceilDiv(logits.rows(), 8), 1, 32, 8),
                Traffic.reading(logits, targets, scale).writing(losses, hits, gradient),
                address(logits),
                logits.stride(),
                address(targets),
                targets.stride(),
                address(scale),
                smoothing,
                focus,
                address(losses),
                address(hits),
                address(gradient),
                gradient.stride(),
                logits.rows(),
                logits.columns());
    }

    @Override
    public void outputLoss(
            OutputLoss loss,
            Matrix logits,
            Matrix targets,
            Matrix factors,
            Matrix losses,
            Matrix hits,
            Matrix gradient) {
        launcher.launch(
                "output_loss",
                new Grid(Math.ceilDiv(logits.rows(), 8), 1, 32, 8),
                Traffic.reading(
                                logits,
                                targets,
                                loss.kind().isOfLabels() ? factors : factors.rows(0, 1))
                        .writing(losses, hits, gradient),
                loss.kind().ordinal(),
                loss.smoothing(),
                loss.gamma(),
                loss.alpha(),
                loss.delta(),
                address(logits),
                logits.stride(),
                address(targets),
                targets.stride(),
                address(factors),
                factors.stride(),
                address(losses),
                address(hits),
                address(gradient),
                gradient.stride(),
                logits.rows(),
                logits.columns());
    }

    @Override
    public void pixelCrossEntropy(
            Matrix logits,
            long labels,
            int voidLabel,
            Matrix scale,
            Matrix gradient,
            Matrix tally) {
        PixelGroups groups = PixelGroups.of(logits.rows(), logits.columns(), blocks);
        Matrix tallies = Matrix.dense(scratchOffset, groups.count(), tally.columns());
        launcher.launch(
                typed("pixel_cross_entropy", logits.type()),
                groups.grid(),
                Traffic.reading(logits, Matrix.vector(labels, logits.rows()), scale)
                        .writing(gradient, tallies),
                address(logits),
                logits.stride(),
                base + labels,
                voidLabel,
                address(scale),
                address(gradient),
                gradient.stride(),
                logits.rows(),
                logits.columns(),
                scratch);
        combineRows(tallies, false, tally);
    }

    @Override
    public void addColumnSums(Matrix x, Matrix sums) {
        if (x.rows() > ROWS_OF_ONE_BLOCK) {
            addManyColumnSums(x, sums);
            return;
        }
        Tiling t = tiling(x.rows(), x.columns(), x, sums).withRowTiles(1);
        launch(
                t,
                "add_column_sums",
                Traffic.reading(x).updating(sums),
                address(x),
                x.stride(),
                address(sums),
                x.rows(),
                x.columns());
    }

    private void addManyColumnSums(Matrix x, Matrix sums) {
        Tiling t = tiling(x.rows(), x.columns(), x);
        Matrix tiles = Matrix.dense(scratchOffset, t.rowTiles(), x.columns());
        launch(
                t,
                "column_sums",
                Traffic.reading(x).writing(tiles),
                address(x),
                x.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile(),
                scratch);
        combineRows(tiles, true, sums);
    }

    // ---------------------------------------------------------------- backward, per chunk

    @Override
    public void maskRelu(
            Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial) {
        Matrix mean = statistics.row(0);
        Tiling t = tiling(x.rows(), x.columns(), gradient, x, affine, mean);
        launch(
                t,
                "mask_relu",
                Traffic.reading(x, affine, mean).updating(gradient).writing(tiles(t, x.columns())),
                address(gradient),
                gradient.stride(),
                address(x),
                x.stride(),
                address(affine),
                affine.stride(),
                address(mean),
                x.rows(),
                x.columns(),
                t.rowsPerTile(),
                scratch);
        combineSums(t, partial);
    }

    @Override
    public void maskPositive(Matrix gradient, Matrix output) {
        Tiling t = tiling(output.rows(), output.columns(), gradient, output);
        launch(
                t,
                "mask_positive",
                Traffic.reading(output).updating(gradient),
                address(gradient),
                gradient.stride(),
                address(output),
                output.stride(),
                output.rows(),
                output.columns(),
                t.rowsPerTile());
    }

    @Override
    public void applyCorrection(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            boolean add,
            Matrix out) {
        Matrix mean = statistics.row(0);
        Tiling t = tiling(x.rows(), x.columns(), gradient, x, correction, mean, out);
        launch(
                t,
                "apply_correction",
                Traffic.reading(gradient, x, correction, mean).storing(out, add),
                address(gradient),
                gradient.stride(),
                address(x),
                x.stride(),
                address(correction),
                correction.stride(),
                address(mean),
                flag(add),
                address(out),
                out.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile());
    }

    private static int flag(boolean on) {
        return on ? 1 : 0;
    }

    @Override
    public void gradientOfAppended(
            Matrix gradient,
            Matrix columns,
            Matrix correction,
            Matrix statistics,
            int firstRow,
            Dropout dropout,
            Matrix out) {
        Matrix mean = statistics.row(0);
        Tiling t =
                tiling(columns.rows(), columns.columns(), gradient, columns, correction, mean, out);
        launch(
                t,
                "gradient_of_appended",
                Traffic.reading(gradient, columns, correction, mean).writing(out),
                ProductKernels.joined(
                        new Object[] {
                            address(gradient),
                            gradient.stride(),
                            address(columns),
                            columns.stride(),
                            address(correction),
                            correction.stride(),
                            address(mean),
                            address(out),
                            out.stride(),
                            columns.rows(),
                            columns.columns(),
                            t.rowsPerTile(),
                            firstRow
                        },
                        dropout(dropout, base)));
    }

    @Override
    public void accumulateGradient(
            Matrix gradient,
            Matrix x,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        Matrix mean = statistics.row(0);
        Tiling t = tiling(x.rows(), x.columns(), gradient, x, affine, mean, weight, blockGradient);
        launch(
                t,
                "accumulate_gradient",
                Traffic.reading(gradient, x, affine, mean, weight)
                        .storing(blockGradient, add)
                        .writing(tiles(t, x.columns())),
                address(gradient),
                gradient.stride(),
                address(x),
                x.stride(),
                address(affine),
                affine.stride(),
                address(mean),
                address(weight),
                flag(add),
                address(blockGradient),
                blockGradient.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile(),
                scratch);
        combineSums(t, partial);
    }

    @Override
    public void accumulateGradientOfNormalised(
            Matrix gradient,
            Matrix x,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        Matrix mean = statistics.row(0);
        Tiling t = tiling(x.rows(), x.columns(), gradient, x, mean, weight, blockGradient);
        launch(
                t,
                "accumulate_gradient_of_normalised",
                Traffic.reading(gradient, x, mean, weight)
                        .storing(blockGradient, add)
                        .writing(tiles(t, x.columns())),
                address(gradient),
                gradient.stride(),
                address(x),
                x.stride(),
                address(mean),
                address(weight),
                flag(add),
                address(blockGradient),
                blockGradient.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile(),
                scratch);
        combineSums(t, partial);
    }

    @Override
    public void accumulateGradientAveragePool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        Matrix mean = statistics.row(0);
        Tiling t =
                tiling(
                        x.rows(),
                        x.columns(),
                        pooledGradient,
                        x,
                        affine,
                        mean,
                        weight,
                        blockGradient);
        launch(
                t,
                "accumulate_gradient_average_pool",
                Traffic.reading(pooledGradient, x, affine, mean, weight)
                        .storing(blockGradient, add)
                        .writing(tiles(t, x.columns())),
                address(pooledGradient),
                pooledGradient.stride(),
                height,
                width,
                address(x),
                x.stride(),
                address(affine),
                affine.stride(),
                address(mean),
                address(weight),
                flag(add),
                address(blockGradient),
                blockGradient.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile(),
                scratch);
        combineSums(t, partial);
    }

    /** One reading of x makes both. */
    @Override
    public void accumulateGradientAndAveragePool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial,
            Matrix pooled) {
        Matrix mean = statistics.row(0);
        int windows = images * Math.ceilDiv(height, 2) * Math.ceilDiv(width, 2);
        Tiling t =
                windowTiling(
                        windows,
                        x.columns(),
                        pooledGradient,
                        x,
                        affine,
                        mean,
                        weight,
                        blockGradient,
                        pooled);
        launch(
                t,
                "accumulate_gradient_and_average_pool",
                Traffic.reading(pooledGradient, x, affine, mean, weight)
                        .storing(blockGradient, add)
                        .writing(pooled, tiles(t, x.columns())),
                address(pooledGradient),
                pooledGradient.stride(),
                address(x),
                x.stride(),
                height,
                width,
                address(affine),
                affine.stride(),
                address(mean),
                address(weight),
                flag(add),
                address(blockGradient),
                blockGradient.stride(),
                address(pooled),
                pooled.stride(),
                windows,
                x.columns(),
                t.rowsPerTile(),
                scratch);
        combineSums(t, partial);
    }

    @Override
    public void accumulateGradientGlobalPool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int pixels,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        Matrix mean = statistics.row(0);
        Tiling t =
                tiling(
                        x.rows(),
                        x.columns(),
                        pooledGradient,
                        x,
                        affine,
                        mean,
                        weight,
                        blockGradient);
        launch(
                t,
                "accumulate_gradient_global_pool",
                Traffic.reading(pooledGradient, x, affine, mean, weight)
                        .storing(blockGradient, add)
                        .writing(tiles(t, x.columns())),
                address(pooledGradient),
                pooledGradient.stride(),
                pixels,
                address(x),
                x.stride(),
                address(affine),
                affine.stride(),
                address(mean),
                address(weight),
                flag(add),
                address(blockGradient),
                blockGradient.stride(),
                x.rows(),
                x.columns(),
                t.rowsPerTile(),
                scratch);
        combineSums(t, partial);
    }

    /** {@code MAX_POOL_PARAMETERS} of {@code cuda-kernels/max_pool_backward.cu}. */
    private Object[] maxPool(
            Matrix pooledGradient, Matrix x, int height, int width, Matrix affine) {
        return new Object[] {
            address(pooledGradient),
            pooledGradient.stride(),
            address(x),
            x.stride(),
            height,
            width,
            address(affine),
            affine.stride()
        };
    }

    @Override
    public void maxPoolBackward(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix out) {
        Tiling t = windowTiling(x.rows(), x.columns(), pooledGradient, x, affine, out);
        launch(
                t,
                "max_pool_backward",
                Traffic.reading(pooledGradient, x, affine).writing(out),
                ProductKernels.joined(
                        maxPool(pooledGradient, x, height, width, affine),
                        new Object[] {
                            address(out), out.stride(), x.rows(), x.columns(), t.rowsPerTile()
                        }));
    }

    /** The gradient is not stored. */
    @Override
    public void sumMaxPoolGradient(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix statistics,
            Matrix unused,
            Matrix partial) {
        Matrix mean = statistics.row(0);
        Tiling t = windowTiling(x.rows(), x.columns(), pooledGradient, x, affine, mean);
        launch(
                t,
                "sum_max_pool_gradient",
                Traffic.reading(pooledGradient, x, affine, mean).writing(tiles(t, x.columns())),
                ProductKernels.joined(
                        maxPool(pooledGradient, x, height, width, affine),
                        new Object[] {
                            address(mean), x.rows(), x.columns(), t.rowsPerTile(), scratch
                        }));
        combineSums(t, partial);
    }

    @Override
    public void correctedMaxPoolGradient(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix statistics,
            Matrix correction,
            Matrix out) {
        Matrix mean = statistics.row(0);
        Tiling t =
                windowTiling(
                        x.rows(), x.columns(), pooledGradient, x, affine, mean, correction, out);
        launch(
                t,
                "corrected_max_pool_gradient",
                Traffic.reading(pooledGradient, x, affine, mean, correction).writing(out),
                ProductKernels.joined(
                        maxPool(pooledGradient, x, height, width, affine),
                        new Object[] {
                            address(mean),
                            address(correction),
                            correction.stride(),
                            address(out),
                            out.stride(),
                            x.rows(),
                            x.columns(),
                            t.rowsPerTile()
                        }));
    }

    // ---------------------------------------------------------------- backward, per channel

    @Override
    public void finishNormGradient(
            Matrix partials,
            int chunks,
            Matrix statistics,
            Matrix sums,
            Matrix gammaGradient,
            Matrix betaGradient) {
        small.onChannels(
                SmallOperation.FINISH_NORM_GRADIENT,
                partials.columns(),
                Traffic.reading(partials, statistics.row(2))
                        .writing(sums)
                        .updating(gammaGradient, betaGradient),
                address(partials),
                partials.stride(),
                chunks,
                address(statistics),
                statistics.stride(),
                address(sums),
                sums.stride(),
                address(gammaGradient),
                address(betaGradient),
                partials.columns());
    }

    @Override
    public void normCorrection(
            Matrix sums,
            Matrix statistics,
            Matrix gamma,
            int rows,
            boolean frozen,
            Matrix correction) {
        small.onChannels(
                SmallOperation.NORM_CORRECTION,
                statistics.columns(),
                Traffic.reading(sums, statistics.row(2), gamma).writing(correction),
                address(sums),
                sums.stride(),
                address(statistics),
                statistics.stride(),
                address(gamma),
                rows,
                flag(frozen),
                address(correction),
                correction.stride(),
                statistics.columns());
    }

    @Override
    public void deferSums(Matrix sums, Matrix weight, boolean add, Matrix deferred) {
        small.onChannels(
                SmallOperation.DEFER_SUMS,
                sums.columns(),
                Traffic.reading(sums, weight).storing(deferred, add),
                address(sums),
                sums.stride(),
                address(weight),
                flag(add),
                address(deferred),
                deferred.stride(),
                sums.columns());
    }

    @Override
    public void deferredCorrection(
            Matrix deferred, Matrix statistics, int rows, boolean frozen, Matrix correction) {
        small.onChannels(
                SmallOperation.DEFERRED_CORRECTION,
                statistics.columns(),
                Traffic.reading(deferred, statistics.row(2)).writing(correction),
                address(deferred),
                deferred.stride(),
                address(statistics),
                statistics.stride(),
                rows,
                flag(frozen),
                address(correction),
                correction.stride(),
                statistics.columns());
    }

    @Override
    public void gradientWeight(Matrix statistics, Matrix gamma, Matrix weight) {
        small.onChannels(
                SmallOperation.GRADIENT_WEIGHT,
                statistics.columns(),
                Traffic.reading(statistics.row(2), gamma).writing(weight),
                address(statistics),
                statistics.stride(),
                address(gamma),
                address(weight),
                statistics.columns());
    }

    // ---------------------------------------------------------------- pools without normalisation

    @Override
    public void maxPool(Matrix x, int images, PoolShape shape, Matrix out) {
        pools.maxPool(x, images, shape, out);
    }

    @Override
    public void maxPoolGradient(
            Matrix pooledGradient, Matrix x, int images, PoolShape shape, Matrix out) {
        pools.maxPoolGradient(pooledGradient, x, images, shape, out);
    }

    @Override
    public void averagePool(Matrix x, int images, PoolShape shape, Matrix out) {
        pools.averagePool(x, images, shape, out);
    }

    @Override
    public void averagePoolGradient(
            Matrix pooledGradient, int images, PoolShape shape, Matrix out) {
        pools.averagePoolGradient(pooledGradient, images, shape, out);
    }

    @Override
    public void blurPool(Matrix x, int images, int height, int width, Matrix out) {
        pools.blurPool(x, images, height, width, out);
    }

    @Override
    public void blurPoolGradient(
            Matrix pooledGradient, int images, int height, int width, Matrix out) {
        pools.blurPoolGradient(pooledGradient, images, height, width, out);
    }

    // ---------------------------------------------------------------- optimiser and copies

    @Override
    public void sgd(
            Matrix parameters,
            Matrix gradients,
            Matrix velocity,
            float rate,
            float momentum,
            float share,
            boolean nesterov,
            float decay,
            float gradientScale) {
        int n = Math.multiplyExact(parameters.rows(), parameters.columns());
        Tiling t = tiling(1, n, parameters, gradients, velocity);
        launcher.launch(
                t.entry("sgd_nesterov"),
                Grid.of(Math.ceilDiv(n, t.vector()), Tiling.THREADS),
                Traffic.reading(gradients).updating(parameters).updating(velocity),
                address(parameters),
                address(gradients),
                address(velocity),
                n,
                rate,
                momentum,
                share,
                flag(nesterov),
                decay,
                gradientScale);
    }

    @Override
    public void rmsprop(
            Matrix parameters,
            Matrix gradients,
            Matrix squares,
            @Nullable Matrix means,
            @Nullable Matrix velocity,
            RmspropCoefficients by) {
        int n = parameters.columns();
        Matrix[] changed = present(parameters, squares, means, velocity);
        Tiling t = tiling(1, n, present(gradients, changed));
        launcher.launch(
                t.entry("rmsprop"),
                Grid.of(Math.ceilDiv(n, t.vector()), Tiling.THREADS),
                Traffic.reading(gradients).updating(changed),
                address(parameters),
                address(gradients),
                address(squares),
                addressOrNull(means),
                addressOrNull(velocity),
                n,
                by.rate(),
                by.rho(),
                by.inside(),
                by.outside(),
                by.momentum(),
                by.decay(),
                by.gradientScale());
    }

    @Override
    public void adam(
            Matrix parameters,
            Matrix gradients,
            Matrix means,
            Matrix squares,
            @Nullable Matrix largest,
            AdamCoefficients by) {
        int n = parameters.columns();
        Matrix[] changed = present(parameters, means, squares, largest);
        Tiling t = tiling(1, n, present(gradients, changed));
        launcher.launch(
                t.entry("adam"),
                Grid.of(Math.ceilDiv(n, t.vector()), Tiling.THREADS),
                Traffic.reading(gradients).updating(changed),
                address(parameters),
                address(gradients),
                address(means),
                address(squares),
                addressOrNull(largest),
                n,
                by.rate(),
                by.beta1(),
                by.share1(),
                by.beta2(),
                by.share2(),
                by.rootScale(),
                by.epsilon(),
                by.decay(),
                by.keep(),
                by.gradientScale());
    }

    /** What an optimiser may do without is a null pointer to its kernel. */
    private long addressOrNull(@Nullable Matrix m) {
        return m == null ? 0L : address(m);
    }

    private static Matrix[] present(@Nullable Matrix first, @Nullable Matrix... others) {
        return Stream.concat(Stream.ofNullable(first), Arrays.stream(others))
                .filter(Objects::nonNull)
                .toArray(Matrix[]::new);
    }

    @Override
    public void movingAverage(Matrix values, Matrix average, float share) {
        int n = values.columns();
        Tiling t = tiling(1, n, values, average);
        launcher.launch(
                t.entry("moving_average"),
                Grid.of(Math.ceilDiv(n, t.vector()), Tiling.THREADS),
                Traffic.reading(values).updating(average),
                address(values),
                address(average),
                n,
                share);
    }

    @Override
    public void multiply(Matrix values, Matrix factors) {
        int n = values.columns();
        Tiling t = tiling(1, n, values, factors);
        launcher.launch(
                t.entry("multiply"),
                Grid.of(Math.ceilDiv(n, t.vector()), Tiling.THREADS),
                Traffic.reading(factors).updating(values),
                address(values),
                address(factors),
                n);
    }

    @Override
    public void addGroupLasso(Matrix weights, int groups, float strength, Matrix gradient) {
        int blocksOfInputs = Math.ceilDiv(weights.columns(), Tiling.THREADS);
        launcher.launch(
                "group_lasso",
                new Grid(blocksOfInputs, groups, Tiling.THREADS, 1),
                Traffic.reading(weights, weights).updating(gradient),
                address(weights),
                weights.stride(),
                address(gradient),
                gradient.stride(),
                weights.rows(),
                weights.columns(),
                strength);
    }

    @Override
    public void depthwise(
            Matrix x, int images, DepthwiseShape shape, Matrix weights, Matrix bias, Matrix out) {
        mixers.depthwise(x, images, shape, weights, bias, out);
    }

    @Override
    public void depthwiseGradient(
            Matrix outputGradient,
            int images,
            DepthwiseShape shape,
            Matrix weights,
            boolean add,
            Matrix out) {
        mixers.depthwiseGradient(outputGradient, images, shape, weights, add, out);
    }

    @Override
    public void addDepthwiseWeightGradient(
            Matrix x, Matrix outputGradient, int images, DepthwiseShape shape, Matrix sums) {
        mixers.addDepthwiseWeightGradient(x, outputGradient, images, shape, sums);
    }

    @Override
    public void transpose(Matrix source, boolean add, Matrix target) {
        mixers.transpose(source, add, target);
    }

    @Override
    public void layerNorm(
            Matrix x, Matrix gamma, Matrix beta, float epsilon, Matrix statistics, Matrix out) {
        mixers.layerNorm(x, gamma, beta, epsilon, statistics, out);
    }

    @Override
    public void layerNormGradient(
            Matrix gradient, Matrix x, Matrix gamma, Matrix statistics, Matrix sums, Matrix out) {
        combineRows(mixers.layerNormSums(gradient, x, statistics), true, sums);
        mixers.layerNormGradient(gradient, x, gamma, statistics, out);
    }

    @Override
    public void l2Norm(Matrix x, Matrix scale, float epsilon, Matrix out) {
        l2Norms.l2Norm(x, scale, epsilon, out);
    }

    @Override
    public void l2NormGradient(
            Matrix gradient,
            Matrix x,
            Matrix scale,
            float epsilon,
            Matrix inverses,
            Matrix sums,
            Matrix out) {
        l2Norms.inverses(x, epsilon, inverses);
        combineRows(l2Norms.sums(gradient, x, inverses), true, sums);
        l2Norms.gradient(gradient, x, scale, inverses, out);
    }

    @Override
    public void gelu(Matrix x, Matrix out) {
        mixers.gelu(x, out);
    }

    @Override
    public void geluGradient(Matrix gradient, Matrix x, Matrix out) {
        mixers.geluGradient(gradient, x, out);
    }

    @Override
    public void dropPath(Dropout dropout, int firstImage, Matrix factors) {
        mixers.dropPath(dropout, firstImage, factors);
    }

    @Override
    public void scaleImages(
            Matrix x,
            Matrix scale,
            @Nullable Matrix logits,
            Matrix factors,
            @Nullable Matrix means,
            Matrix out) {
        mixers.scaleImages(x, scale, logits, factors, means, out);
    }

    @Override
    public void imageProducts(Matrix a, Matrix b, Matrix sums) {
        mixers.imageProducts(a, b, sums);
    }

    @Override
    public void scaleGradient(
            Matrix sums,
            Matrix scale,
            @Nullable Matrix logits,
            Matrix factors,
            @Nullable Matrix logitsGradient) {
        mixers.scaleGradient(sums, scale, logits, factors, logitsGradient);
    }

    @Override
    public void squaredNorm(Matrix x, Matrix target) {
        long count = (long) x.rows() * x.columns();
        int tiles =
                Math.toIntExact(
                        Math.clamp(
                                Math.ceilDiv(count, Tiling.THREADS),
                                1L,
                                Math.min(blocks, Tiling.MOST_BLOCKS)));
        Matrix sums = Matrix.dense(scratchOffset, tiles, 2); // a double is two floats
        launcher.launch(
                "squared_norm_tiles",
                new Grid(tiles, 1, Tiling.THREADS, 1),
                Traffic.reading(x).writing(sums),
                address(x),
                x.stride(),
                x.rows(),
                x.columns(),
                scratch);
        launcher.launch(
                "squared_norm",
                new Grid(1, 1, Tiling.THREADS, 1),
                Traffic.reading(sums).writing(target),
                scratch,
                tiles,
                address(target));
    }

    @Override
    public void copy(Matrix source, Matrix target) {
        rows(
                SmallOperation.COPY_FLOATS,
                "copy_rows",
                Traffic.reading(source).writing(target),
                source,
                target);
    }

    @Override
    public void copyWindow(
            Matrix source,
            int sourceHeight,
            int sourceWidth,
            Matrix target,
            int targetHeight,
            int targetWidth,
            int images,
            int top,
            int left) {
        Tiling t = tiling(target.rows(), target.columns(), source, target);
        int inside =
                common(sourceHeight, targetHeight, top) * common(sourceWidth, targetWidth, left);
        launch(
                t,
                "copy_window",
                Traffic.reading(source.rows(0, images * inside)).writing(target),
                address(source),
                source.stride(),
                sourceHeight,
                sourceWidth,
                address(target),
                target.stride(),
                targetHeight,
                targetWidth,
                top,
                left,
                target.rows(),
                target.columns(),
                t.rowsPerTile());
    }

    /** How many places of a window, which starts at {@code first}, the source has. */
    private static int common(int source, int window, int first) {
        return Math.max(0, Math.min(source, first + window) - Math.max(0, first));
    }

    @Override
    public void add(Matrix source, Matrix target) {
        rows(
                SmallOperation.ADD_FLOATS,
                "add_rows",
                Traffic.reading(source).updating(target),
                source,
                target);
    }

    private void rows(
            SmallOperation ofFloats, String kernel, Traffic traffic, Matrix source, Matrix target) {
        if (SmallOperations.takes(source) && SmallOperations.takes(target)) {
            small.onElements(
                    ofFloats,
                    (long) target.rows() * target.columns(),
                    traffic,
                    address(source),
                    source.stride(),
                    address(target),
                    target.stride(),
                    target.rows(),
                    target.columns());
            return;
        }
        Tiling t = tiling(source.rows(), source.columns(), source, target);
        launcher.launch(
                t.entry(kernel, source.type(), target.type()),
                t.grid(),
                traffic,
                address(source),
                source.stride(),
                address(target),
                target.stride(),
                source.rows(),
                source.columns(),
                t.rowsPerTile());
    }

    @Override
    public void fill(Matrix target, float value) {
        if (target.rows() == 0) {
            return; // a band's halo that is all inside its image
        }
        if (SmallOperations.takes(target)) {
            small.onElements(
                    SmallOperation.FILL_FLOATS,
                    (long) target.rows() * target.columns(),
                    Traffic.filling(target),
                    value,
                    address(target),
                    target.stride(),
                    target.rows(),
                    target.columns());
            return;
        }
        Tiling t = tiling(target.rows(), target.columns(), target);
        launch(
                t,
                "fill_rows",
                Traffic.filling(target),
                value,
                address(target),
                target.stride(),
                target.rows(),
                target.columns(),
                t.rowsPerTile());
    }

    // ---------------------------------------------------------------- weights, products

    /** From PyTorch's [out, in, kh, kw] to [out, kh, kw, in], in the type of {@code packed}. */
    void packWeights(Matrix weights, int out, int in, int taps, Matrix packed) {
        small.onElements(
                packed.type() == DataType.FLOAT32
                        ? SmallOperation.PACK_WEIGHTS
                        : SmallOperation.PACK_WEIGHTS_BF16,
                (long) out * in * taps,
                Traffic.reading(weights)
                        .writing(Matrix.dense(packed.offset(), 1, out * in * taps, packed.type())),
                address(weights),
                out,
                in,
                taps,
                address(packed));
    }

    /** Adds a gradient in [out, kh, kw, in] to one in PyTorch's layout. */
    void addUnpackedGradient(Matrix packed, int out, int in, int taps, Matrix gradient) {
        small.onElements(
                SmallOperation.ADD_UNPACKED_GRADIENT,
                (long) out * in * taps,
                Traffic.reading(Matrix.vector(packed.offset(), out * in * taps)).updating(gradient),
                address(packed),
                out,
                in,
                taps,
                address(gradient));
    }
}
