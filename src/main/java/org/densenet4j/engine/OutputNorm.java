package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Norm;
import org.densenet4j.plan.Channels;

/**
 * The batch normalisation of the columns that a node writes, which all their readers share ({@link
 * WritersNorms}): its scale and shift are made, and its running statistics are updated, once, when
 * the columns are there. With {@code g} the readers' gradients at the normalised values, masked by
 * the ReLU,
 *
 * <pre>
 * dbeta = Σ g,   dgamma = Σ g·x̂   over rows and readers
 * dx = w·(Σ g − (dbeta + x̂·dgamma)/M),   w = gamma/sigma
 * </pre>
 *
 * Readers have added {@code w·g} to the gradient matrix, so B = w·dbeta and Γ = w·dgamma make the
 * deferred correction of it (Ioffe and Szegedy 2015, section 3).
 */
final class OutputNorm {
    private final Compute compute;
    private final Kernels kernels;
    private final Norm norm;
    private final Channels channels;
    private final Matrix gamma;
    private final Matrix beta;
    private final Matrix gammaGradient;
    private final Matrix betaGradient;
    private final Matrix runningMean;
    private final Matrix runningVariance;

    OutputNorm(Compute compute, Norm norm, Channels channels) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.norm = norm;
        this.channels = channels;
        this.gamma = compute.vector(norm.name() + ".weight");
        this.beta = compute.vector(norm.name() + ".bias");
        this.gammaGradient = compute.vectorGradient(norm.name() + ".weight");
        this.betaGradient = compute.vectorGradient(norm.name() + ".bias");
        this.runningMean = compute.running(norm.name() + ".running_mean");
        this.runningVariance = compute.running(norm.name() + ".running_var");
    }

    /** Of columns that are normalised already: behind scale 1 and shift 0, no part in any sum. */
    static void passThrough(Kernels kernels, Channels channels) {
        kernels.fill(channels.affine().row(0), 1);
        kernels.fill(channels.affine().row(1), 0);
        kernels.fill(channels.statistics(), 0);
        kernels.fill(channels.normSums(), 0);
    }

    /** Whether it normalises with the statistics of the batch; frozen at the start it does not. */
    boolean usesBatchStatistics(Pass pass) {
        return compute.usesBatchStatistics(pass)
                && !(pass.mode() == Mode.TRAIN && compute.frozen().isStill(norm.name()));
    }

    /**
     * Makes statistics, scale and shift of the columns, which are there.
     *
     * @param partials of all chunks [2·chunks, k]
     * @param rowsPerChunk of the output
     * @param rows of all chunks together
     */
    void finish(Pass pass, Matrix partials, int rowsPerChunk, int rows) {
        Matrix statistics = channels.statistics();
        float epsilon = (float) norm.epsilon();
        if (usesBatchStatistics(pass)) {
            kernels.finishStatistics(partials, rowsPerChunk, rows, epsilon, statistics);
            if (pass.mode() == Mode.TRAIN) {
                kernels.updateRunningStatistics(
                        statistics, rows, (float) norm.momentum(), runningMean, runningVariance);
            }
        } else {
            kernels.statisticsOfRunning(runningMean, runningVariance, epsilon, statistics);
        }
        kernels.foldNormalisation(statistics, gamma, beta, channels.affine());
        kernels.fill(channels.normSums(), 0);
    }

    /**
     * Adds to the gradients of gamma and beta, and makes the correction of the columns' gradient,
     * once all readers are done.
     *
     * @param correction [3, k], overwritten
     */
    void finishGradient(Pass pass, int rows, Matrix correction) {
        kernels.add(channels.normSums().row(0), betaGradient);
        kernels.add(channels.normSums().row(1), gammaGradient);
        kernels.deferSums(
                channels.normSums(), channels.affine().row(0), false, channels.deferred());
        kernels.deferredCorrection(
                channels.deferred(),
                channels.statistics(),
                rows,
                !usesBatchStatistics(pass),
                correction);
    }
}
