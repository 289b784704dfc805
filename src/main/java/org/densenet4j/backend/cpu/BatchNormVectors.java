package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** What is computed once a channel; plain loops, because a network has few channels. */
final class BatchNormVectors extends StoredElements {
    BatchNormVectors(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#updateRunningStatistics}. */
    void updateRunningStatistics(
            Matrix statistics,
            int rows,
            float momentum,
            Matrix runningMean,
            Matrix runningVariance) {
        // One value has no unbiased variance; PyTorch refuses such a batch, we keep the biased one.
        float unbiased = rows > 1 ? (float) ((double) rows / (rows - 1)) : 1f;
        for (int c = 0; c < statistics.columns(); c++) {
            float mean = get(runningMean, 0, c);
            float variance = get(runningVariance, 0, c);
            set(runningMean, 0, c, (1 - momentum) * mean + momentum * get(statistics, 0, c));
            set(
                    runningVariance,
                    0,
                    c,
                    (1 - momentum) * variance + momentum * unbiased * get(statistics, 1, c));
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#statisticsOfRunning}. */
    void statisticsOfRunning(
            Matrix runningMean, Matrix runningVariance, float epsilon, Matrix statistics) {
        for (int c = 0; c < statistics.columns(); c++) {
            float variance = get(runningVariance, 0, c);
            set(statistics, 0, c, get(runningMean, 0, c));
            set(statistics, 1, c, variance);
            set(statistics, 2, c, (float) (1 / Math.sqrt((double) variance + epsilon)));
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#foldNormalisation}. */
    void foldNormalisation(Matrix statistics, Matrix gamma, Matrix beta, Matrix affine) {
        for (int c = 0; c < statistics.columns(); c++) {
            float scale = get(gamma, 0, c) * get(statistics, 2, c);
            set(affine, 0, c, scale);
            set(affine, 1, c, get(beta, 0, c) - get(statistics, 0, c) * scale);
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#normCorrection}. */
    void normCorrection(
            Matrix sums,
            Matrix statistics,
            Matrix gamma,
            int rows,
            boolean frozen,
            Matrix correction) {
        for (int c = 0; c < statistics.columns(); c++) {
            double inverse = get(statistics, 2, c);
            double a = get(gamma, 0, c) * inverse;
            set(correction, 0, c, (float) a);
            set(correction, 1, c, frozen ? 0f : (float) (-a * get(sums, 0, c) / rows));
            set(correction, 2, c, frozen ? 0f : (float) (-a * inverse * get(sums, 1, c) / rows));
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#deferSums}. */
    void deferSums(Matrix sums, Matrix weight, boolean add, Matrix deferred) {
        for (int row = 0; row < 2; row++) {
            for (int c = 0; c < sums.columns(); c++) {
                float value = get(weight, 0, c) * get(sums, row, c);
                set(deferred, row, c, add ? get(deferred, row, c) + value : value);
            }
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#deferredCorrection}. */
    void deferredCorrection(
            Matrix deferred, Matrix statistics, int rows, boolean frozen, Matrix correction) {
        for (int c = 0; c < statistics.columns(); c++) {
            double inverse = get(statistics, 2, c);
            set(correction, 0, c, 1f);
            set(correction, 1, c, frozen ? 0f : -get(deferred, 0, c) / rows);
            set(correction, 2, c, frozen ? 0f : (float) (-inverse * get(deferred, 1, c) / rows));
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#gradientWeight}. */
    void gradientWeight(Matrix statistics, Matrix gamma, Matrix weight) {
        for (int c = 0; c < statistics.columns(); c++) {
            set(weight, 0, c, get(gamma, 0, c) * get(statistics, 2, c));
        }
    }
}
