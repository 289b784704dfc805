package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.GemmShape;
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

    /** The product that the weights' gradient is, of all images of a shape. */
    static GemmShape weightGradient(ConvolutionShape s) {
        int pixels = s.images() * s.height() * s.width();
        Matrix dY = Matrix.dense(0, pixels, s.outputChannels(), s.type());
        Matrix x = Matrix.dense(0, pixels, s.inputChannels(), s.type());
        Matrix dW = Matrix.dense(0, s.outputChannels(), s.inputChannels());
        return GemmShape.of(dY, true, x, false, dW, true);
    }

    /** {@code y = x·Wᵀ}, with W packed for it. */
    abstract void multiplyForward(int lane, Matrix x, Matrix packed, Matrix y);

    /** {@code dX = dY·W}, with W packed for it. */
    abstract void multiplyBackward(int lane, Matrix dY, Matrix packed, Matrix dX);

    /** A product of matrices as they lie. */
    abstract void multiply(int lane, GemmShape product, Matrix a, Matrix b, Matrix c);

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

    @Override
    public final void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        multiplyForward(lane, pixels(source, images), packed, pixels(output, images));
    }

    @Override
    public final void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        Matrix dX = pixels(sourceGradient, images);
        multiplyBackward(lane, pixels(outputGradient, images), packed, dX);
    }

    @Override
    public final void backwardWeights(
            int lane,
            int images,
            Matrix source,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        Matrix dY = pixels(outputGradient, images);
        Matrix x = pixels(source, images);
        Matrix dW = rows(sum);
        multiply(lane, GemmShape.of(dY, true, x, false, dW, true), dY, x, dW);
    }

    private Matrix pixels(Matrix matrix, int images) {
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
