package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.PointwiseBackwardKernel.Argument;
import org.densenet4j.backend.cpu.jit.PointwiseForwardKernel;

/** The operands of a pointwise convolution as the arguments of its kernels, in each lane. */
final class PointwiseArguments {
    private final long base;
    private final Arguments[] forward;
    private final Arguments[] backward;

    PointwiseArguments(CpuArena arena) {
        this.base = arena.memory().address();
        this.forward = arena.arguments(PointwiseForwardKernel.Argument.class);
        this.backward = arena.arguments(Argument.class);
    }

    /** Those of {@link org.densenet4j.backend.PointwiseConvolution#forward}. */
    Arguments forward(int lane, Matrix x, Matrix affine, Matrix weights, Matrix chunk, Matrix z) {
        return forward[lane]
                .set(PointwiseForwardKernel.Argument.X, address(x))
                .set(PointwiseForwardKernel.Argument.SCALE, address(affine))
                .set(PointwiseForwardKernel.Argument.SHIFT, address(affine.row(1)))
                .set(PointwiseForwardKernel.Argument.WEIGHTS, address(weights))
                .set(PointwiseForwardKernel.Argument.TILE, address(chunk))
                .set(PointwiseForwardKernel.Argument.Z, address(z));
    }

    /**
     * Those of {@link org.densenet4j.backend.PointwiseConvolution#backward}.
     *
     * @param tileBytes of the chunk that A takes; dZ is behind it
     */
    Arguments backward(int lane, PointwiseGradient g, Matrix chunk, long tileBytes) {
        return backward[lane]
                .set(Argument.GRADIENT, address(g.result()))
                .set(Argument.Z, address(g.z()))
                .set(Argument.FACTOR, address(g.correction()))
                .set(Argument.CONSTANT, address(g.correction().row(1)))
                .set(Argument.SLOPE, address(g.correction().row(2)))
                .set(Argument.Z_MEAN, address(g.zStatistics()))
                .set(Argument.X, address(g.x()))
                .set(Argument.SCALE, address(g.affine()))
                .set(Argument.SHIFT, address(g.affine().row(1)))
                .set(Argument.MEAN, address(g.statistics()))
                .set(Argument.WEIGHT, address(g.factor()))
                .set(Argument.WEIGHTS, address(g.weight()))
                .set(Argument.WEIGHT_SUMS, address(g.weightSum()))
                .set(Argument.BLOCK_GRADIENT, address(g.blockGradient()))
                .set(Argument.SUMS, address(g.partial()))
                .set(Argument.PRODUCTS, address(g.partial().row(1)))
                .set(Argument.TILE, address(chunk))
                .set(Argument.GRADIENT_TILE, address(chunk) + tileBytes);
    }

    private long address(Matrix m) {
        return base + m.offset();
    }
}
