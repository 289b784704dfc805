package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;

/**
 * A 1x1 convolution as products of matrices in machine code of the engine's own:
 *
 * <pre>
 * Y [pixels, out] = X·Wᵀ     dX [pixels, in] = dY·W     dW [out, in] += dYᵀ·X
 * </pre>
 *
 * W is packed as panels, for one product of columns of Wᵀ and for the other of W. A panel of
 * outputs, and some of inputs, are a part of the packing.
 */
abstract class PointConvolution implements HostConvolution {
    final CpuArena arena;
    final ConvolutionShape shape;

    PointConvolution(CpuArena arena, ConvolutionShape shape) {
        this.arena = arena;
        this.shape = shape;
    }

    /** Whether a convolution reads the pixel that it writes, and no other. */
    static boolean isPoint(ConvolutionShape s) {
        return s.kernel() == 1 && s.stride() == 1 && s.padding() == 0;
    }

    /** First output of a part; that behind the last part is the number of outputs or more. */
    abstract int firstOutput(int part);

    @Override
    public final ConvolutionShape shape() {
        return shape;
    }

    @Override
    public final boolean writesColumns() {
        return true;
    }

    @Override
    public final void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        int in = shape.inputChannels();
        int first = firstOutput(part) * in;
        int count = Math.min(firstOutput(part + 1), shape.outputChannels()) * in - first;
        Matrix total = arena.total(sums.columns(first, count));
        Matrix all = Matrix.vector(gradient.offset(), shape.weights());
        arena.kernels().add(total, all.columns(first, count));
    }

    final Matrix pixels(Matrix matrix, int images) {
        return matrix.rows(0, images * shape.height() * shape.width());
    }

    /** As a matrix [out, in]. */
    final Matrix rows(Matrix weights) {
        return Matrix.dense(weights.offset(), shape.outputChannels(), shape.inputChannels());
    }

    @Override
    public final void close() {
        // The products are the arena's.
    }
}
