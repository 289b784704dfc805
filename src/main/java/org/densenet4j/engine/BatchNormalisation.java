package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Norm;
import org.densenet4j.plan.NormScratch;

import java.util.ArrayList;
import java.util.List;

/**
 * One batch normalisation followed by a ReLU: gamma, beta and running statistics of one consumer.
 *
 * <p>In training the statistics of a channel are the same for every consumer, so they are taken
 * once by the channel's producer and given to each; only gamma and beta belong to the consumer.
 * With frozen statistics, and in evaluation, each consumer has its own running statistics. Channels
 * that lie in several matrices are normalised range by range.
 */
final class BatchNormalisation implements SourceNorm {
    private final Compute compute;
    private final String name;
    private final Kernels kernels;
    private final float epsilon;
    private final float momentum;
    private final NormScratch scratch;
    private final List<Range> ranges = new ArrayList<>();

    /** Channels whose batch statistics lie in one matrix. */
    private record Range(
            Matrix batchStatistics,
            Matrix gamma,
            Matrix beta,
            Matrix gammaGradient,
            Matrix betaGradient,
            Matrix runningMean,
            Matrix runningVariance,
            NormScratch scratch) {}

    /**
     * A normalisation with its tensors.
     *
     * @param batchStatistics [3, C] of each matrix that channels come from
     */
    BatchNormalisation(
            Compute compute, Norm norm, NormScratch scratch, List<Matrix> batchStatistics) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.epsilon = (float) norm.epsilon();
        this.momentum = (float) norm.momentum();
        this.scratch = scratch;
        this.name = norm.name();
        int from = 0;
        for (Matrix statistics : batchStatistics) {
            int count = statistics.columns();
            ranges.add(
                    new Range(
                            statistics,
                            compute.vector(name + ".weight").columns(from, count),
                            compute.vector(name + ".bias").columns(from, count),
                            compute.vectorGradient(name + ".weight").columns(from, count),
                            compute.vectorGradient(name + ".bias").columns(from, count),
                            compute.running(name + ".running_mean").columns(from, count),
                            compute.running(name + ".running_var").columns(from, count),
                            scratch.columns(from, count)));
            from += count;
        }
    }

    /**
     * {@inheritDoc} In training this updates the running statistics, which therefore happens once
     * per step, however often outputs are recomputed.
     */
    @Override
    public void prepareForward(Pass pass, int rows) {
        if (pass.mode() == Mode.TRAIN && !compute.frozen().isStill(name)) {
            for (Range r : ranges) {
                kernels.updateRunningStatistics(
                        r.batchStatistics(), rows, momentum, r.runningMean(), r.runningVariance());
            }
        }
        prepareAgain(pass);
    }

    /** Whether it normalises with the statistics of the batch; frozen at the start it does not. */
    private boolean usesBatchStatistics(Pass pass) {
        return compute.usesBatchStatistics(pass)
                && !(pass.mode() == Mode.TRAIN && compute.frozen().isStill(name));
    }

    @Override
    public void prepareAgain(Pass pass) {
        for (Range r : ranges) {
            if (!usesBatchStatistics(pass)) {
                kernels.statisticsOfRunning(
                        r.runningMean(),
                        r.runningVariance(),
                        epsilon,
                        r.scratch().frozenStatistics());
            }
            kernels.foldNormalisation(
                    statistics(pass, r), r.gamma(), r.beta(), r.scratch().affine());
        }
    }

    @Override
    public void prepareBackward(Pass pass) {
        prepareAgain(pass);
        for (Range r : ranges) {
            kernels.gradientWeight(statistics(pass, r), r.gamma(), r.scratch().weight());
        }
    }

    private Matrix statistics(Pass pass, Range r) {
        return usesBatchStatistics(pass) ? r.batchStatistics() : r.scratch().frozenStatistics();
    }

    @Override
    public Matrix statistics(Pass pass, int range) {
        return statistics(pass, ranges.get(range));
    }

    @Override
    public Matrix affine() {
        return scratch.affine();
    }

    @Override
    public Matrix weight() {
        return scratch.weight();
    }

    /** The sums dbeta and dgamma [2, C]. */
    Matrix sums() {
        return scratch.sums();
    }

    /** {@inheritDoc} Those are the parameter gradients. */
    @Override
    public void finishGradient(Pass pass, Matrix partials, int chunks) {
        int from = 0;
        for (Range r : ranges) {
            int count = r.gamma().columns();
            kernels.finishNormGradient(
                    partials.columns(from, count),
                    chunks,
                    statistics(pass, r),
                    r.scratch().sums(),
                    r.gammaGradient(),
                    r.betaGradient());
            from += count;
        }
    }

    /** Finishes this consumer's gradients and returns the correction to apply at once [3, C]. */
    Matrix finishAtOnce(Pass pass, Matrix partials, int chunks, int rows) {
        finishGradient(pass, partials, chunks);
        for (Range r : ranges) {
            kernels.normCorrection(
                    r.scratch().sums(),
                    statistics(pass, r),
                    r.gamma(),
                    rows,
                    !usesBatchStatistics(pass),
                    r.scratch().correction());
        }
        return scratch.correction();
    }
}
