package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** Normalisations without a ReLU behind them, and residual sums, as plain loops. */
class ScalarResiduals extends StoredElements {
    ScalarResiduals(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#normalise}. */
    void normalise(Matrix x, Matrix affine, Matrix out) {
        for (int r = 0; r < x.rows(); r++) {
            for (int c = 0; c < x.columns(); c++) {
                set(out, r, c, normalised(x, r, c, affine));
            }
        }
    }

    private float normalised(Matrix x, int row, int c, Matrix affine) {
        return Math.fma(get(x, row, c), get(affine, 0, c), get(affine, 1, c));
    }

    /** See {@link org.densenet4j.backend.Kernels#addNormalised}. */
    void addNormalised(Matrix x, Matrix affine, Matrix addend, boolean relu, Matrix out) {
        for (int r = 0; r < x.rows(); r++) {
            for (int c = 0; c < x.columns(); c++) {
                float sum = normalised(x, r, c, affine) + get(addend, r, c);
                set(out, r, c, relu ? Math.max(0f, sum) : sum);
            }
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#maskPositive}. */
    void maskPositive(Matrix gradient, Matrix output) {
        for (int r = 0; r < output.rows(); r++) {
            for (int c = 0; c < output.columns(); c++) {
                if (!(get(output, r, c) > 0)) {
                    set(gradient, r, c, 0);
                }
            }
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#normGradientSums}. */
    void normGradientSums(Matrix gradient, Matrix x, Matrix statistics, Matrix partial) {
        for (int c = 0; c < x.columns(); c++) {
            float mean = get(statistics, 0, c);
            float sum = 0;
            float products = 0;
            for (int r = 0; r < x.rows(); r++) {
                float g = get(gradient, r, c);
                sum += g;
                products = Math.fma(g, get(x, r, c) - mean, products);
            }
            set(partial, 0, c, sum);
            set(partial, 1, c, products);
        }
    }

    /** See {@link org.densenet4j.backend.Kernels#accumulateGradientOfNormalised}. */
    void accumulateGradient(
            Matrix gradient,
            Matrix x,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        normGradientSums(gradient, x, statistics, partial);
        for (int r = 0; r < x.rows(); r++) {
            for (int c = 0; c < x.columns(); c++) {
                float before = add ? get(blockGradient, r, c) : 0f;
                float g = get(gradient, r, c);
                set(blockGradient, r, c, Math.fma(get(weight, 0, c), g, before));
            }
        }
    }
}
