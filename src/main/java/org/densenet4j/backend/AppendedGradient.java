package org.densenet4j.backend;

/**
 * The operands of an {@link AppendedConvolution}'s gradient over some images:
 *
 * <pre>
 * dY = drop(a·G + b + c·(X − mean(X)))   the finished gradient of the layer's columns
 * dT = conv3x3ᵀ(dY) where Z·scale + shift &gt; 0
 * partial = Σ dT and Σ dT·(Z − mean(Z))
 * weightGradient += dYᵀ * max(0, Z·scale + shift)
 * </pre>
 *
 * @param blockGradient G [rows, k], the layer's columns of the block's gradient
 * @param columns X [rows, k], the layer's columns
 * @param correction [3, k]: a, b and c; the deferred form of batch norm's gradient
 * @param columnStatistics [3, k] of X
 * @param dropout as in the forward pass
 * @param z [rows, in]
 * @param affine [2, in]: scale and shift
 * @param zStatistics [3, in]
 * @param packed weights as {@link PackedWeights#packBackward} left them
 * @param result dT [rows, in], overwritten
 * @param weightGradient [k, in·9] in the PyTorch layout, float32, added to
 * @param partial [2, in], overwritten
 */
public record AppendedGradient(
        Matrix blockGradient,
        Matrix columns,
        Matrix correction,
        Matrix columnStatistics,
        Dropout dropout,
        Matrix z,
        Matrix affine,
        Matrix zStatistics,
        Matrix packed,
        Matrix result,
        Matrix weightGradient,
        Matrix partial) {}
