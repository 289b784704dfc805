package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.NormScratch;

/**
 * One batch normalisation followed by a ReLU: gamma, beta and running statistics of one consumer.
 *
 * <p>In training the statistics of a channel are the same for every consumer, so they are taken
 * once by the channel's producer and given to each; only gamma and beta belong to the consumer.
 * With frozen statistics, and in evaluation, each consumer has its own running statistics.
 */
final class BatchNormalisation {
    private final Kernels kernels;
    private final float epsilon;
    private final float momentum;
    private final Matrix gamma;
    private final Matrix beta;
    private final Matrix gammaGradient;
    private final Matrix betaGradient;
    private final Matrix runningMean;
    private final Matrix runningVariance;
    private final NormScratch scratch;

    BatchNormalisation(Compute compute, String name, NormScratch scratch) {
        this.kernels = compute.kernels();
        this.epsilon = compute.epsilon();
        this.momentum = (float) compute.spec().bnMomentum();
        this.gamma = compute.vector(name + ".weight");
        this.beta = compute.vector(name + ".bias");
        this.gammaGradient = compute.vectorGradient(name + ".weight");
        this.betaGradient = compute.vectorGradient(name + ".bias");
        this.runningMean = compute.running(name + ".running_mean");
        this.runningVariance = compute.running(name + ".running_var");
        this.scratch = scratch;
    }

    /**
     * Prepares {@link #affine} for a forward pass. In training this updates the running statistics,
     * which therefore happens once per step, however often outputs are recomputed.
     *
     * @param rows rows that the batch statistics were taken over
     */
    void prepareForward(Pass pass, Matrix batchStatistics, int rows) {
        if (pass.mode() == Mode.TRAIN) {
            kernels.updateRunningStatistics(
                    batchStatistics, rows, momentum, runningMean, runningVariance);
        }
        prepareAgain(pass, batchStatistics);
    }

    /** Prepares {@link #affine} for a recomputation. */
    Matrix prepareAgain(Pass pass, Matrix batchStatistics) {
        Matrix statistics = statistics(pass, batchStatistics);
        kernels.foldNormalisation(statistics, gamma, beta, scratch.affine());
        return statistics;
    }

    /** Prepares {@link #affine} and {@link #weight}; returns the statistics that were used. */
    Matrix prepareBackward(Pass pass, Matrix batchStatistics) {
        Matrix statistics = prepareAgain(pass, batchStatistics);
        kernels.gradientWeight(statistics, gamma, !pass.usesBatchStatistics(), scratch.weight());
        return statistics;
    }

    private Matrix statistics(Pass pass, Matrix batchStatistics) {
        if (pass.usesBatchStatistics()) {
            return batchStatistics;
        }
        Matrix frozen = scratch.frozenStatistics();
        kernels.statisticsOfRunning(runningMean, runningVariance, epsilon, frozen);
        return frozen;
    }

    /** Scale and shift [2, C]. */
    Matrix affine() {
        return scratch.affine();
    }

    /** Factor of the deferred gradient [1, C]. */
    Matrix weight() {
        return scratch.weight();
    }

    /** Finishes dgamma and dbeta from the chunks' sums and adds them to the parameter gradients. */
    private void finishGradient(Matrix partials, int chunks, Matrix statistics) {
        kernels.finishNormGradient(
                partials, chunks, statistics, scratch.sums(), gammaGradient, betaGradient);
    }

    /** Finishes this consumer's gradients and leaves the correction of the channels to later. */
    void finishDeferred(
            Matrix partials, int chunks, Matrix statistics, boolean add, Matrix deferred) {
        finishGradient(partials, chunks, statistics);
        kernels.deferSums(scratch.sums(), gamma, add, deferred);
    }

    /** Finishes this consumer's gradients and returns the correction to apply at once [3, C]. */
    Matrix finishAtOnce(Pass pass, Matrix partials, int chunks, Matrix statistics, int rows) {
        finishGradient(partials, chunks, statistics);
        kernels.normCorrection(
                scratch.sums(),
                statistics,
                gamma,
                rows,
                !pass.usesBatchStatistics(),
                scratch.correction());
        return scratch.correction();
    }
}
