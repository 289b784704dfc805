package org.densenet4j.backend;

/**
 * The operands of a pointwise convolution's gradient over a chunk of rows:
 *
 * <pre>
 * dZ = a·dT + b + c·(Z − mean(Z))      batch norm of Z, whose sums are finished
 * A  = max(0, X·scale + shift)         again
 * weightSum += dZᵀ·A
 * g  = dZ·W where A &gt; 0
 * partial = Σ g and Σ g·(X − mean(X))
 * blockGradient += factor·g            batch norm of X, deferred: docs/design.md
 * </pre>
 *
 * @param result dT [rows, N]: gradient behind the ReLU of Z's batch normalisation
 * @param z [rows, N]
 * @param correction [3, N]: a, b and c
 * @param zStatistics [3, N]
 * @param x [rows, K]
 * @param affine [2, K]: scale and shift
 * @param statistics of X [3, K]
 * @param factor [1, K]
 * @param weight W [N, K], as {@link PointwiseConvolution#packBackward} returned it
 * @param weightSum [N, K], dense, float32: this lane's sum, or the weight's gradient itself
 * @param blockGradient [rows, K]
 * @param partial [2, K], overwritten
 */
public record PointwiseGradient(
        Matrix result,
        Matrix z,
        Matrix correction,
        Matrix zStatistics,
        Matrix x,
        Matrix affine,
        Matrix statistics,
        Matrix factor,
        Matrix weight,
        Matrix weightSum,
        Matrix blockGradient,
        Matrix partial) {}
