package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.PointwiseBackwardKernel;
import org.densenet4j.backend.cpu.jit.PointwiseBackwardKernel.Argument;
import org.densenet4j.backend.cpu.jit.PointwiseForwardKernel;
import org.densenet4j.backend.cpu.jit.Storage;
import org.densenet4j.backend.cpu.jit.Words;

/**
 * A pointwise convolution in machine code of its own: normalisation, product and accumulation in
 * one pass, with a few rows of A in the first- or second-level cache. Compiled when a number of
 * rows is first met, and kept.
 */
final class CompiledPointwise implements PointwiseConvolution, AutoCloseable {
    private final CpuArena arena;
    private final Storage storage;
    private final Words words;
    private final PointwiseWeights weights;
    private final long base;
    private final Arguments[] forwardArguments;
    private final Arguments[] backwardArguments;
    private final KernelCache<PointwiseForwardKernel.Form, PointwiseForwardKernel> forward;
    private final KernelCache<PointwiseBackwardKernel.Form, PointwiseBackwardKernel> backward;

    CompiledPointwise(CpuArena arena, Target target, DataType type) {
        this.arena = arena;
        this.storage = Target.storage(type);
        this.words = target.words(type);
        this.weights = new PointwiseWeights(arena, target, type);
        this.base = arena.memory().address();
        this.forward = new KernelCache<>(target.set(), PointwiseForwardKernel::new);
        this.backward = new KernelCache<>(target.set(), PointwiseBackwardKernel::new);
        this.forwardArguments = arena.arguments(PointwiseForwardKernel.Argument.class);
        this.backwardArguments = arena.arguments(PointwiseBackwardKernel.Argument.class);
    }

    static PointwiseMemory memory(Target target, PointwiseShape s) {
        Words words = target.words(s.type());
        long tiles =
                PointwiseBackwardKernel.tileBytes(s.inputChannels())
                        + PointwiseBackwardKernel.gradientTileBytes(words, s.outputChannels());
        long forwardTile =
                PointwiseForwardKernel.tileBytes(
                        target.set(), words, s.inputChannels(), s.outputChannels());
        return new PointwiseMemory(PointwiseWeights.bytes(target, s), tiles, forwardTile, 0);
    }

    @Override
    public Matrix packForward(int lane, Matrix weight, Matrix packed) {
        weights.intoRowPanels(weight, packed);
        return packed;
    }

    @Override
    public Matrix packBackward(int lane, Matrix weight, Matrix packed) {
        weights.intoColumnPanels(weight, packed);
        return packed;
    }

    @Override
    public void forward(int lane, Matrix x, Matrix affine, Matrix weights, Matrix chunk, Matrix z) {
        PointwiseForwardKernel kernel =
                forward.of(
                        new PointwiseForwardKernel.Form(
                                storage,
                                words,
                                x.rows(),
                                x.columns(),
                                z.columns(),
                                x.rowBytes(),
                                z.rowBytes()));
        kernel.run(
                forwardArguments[lane]
                        .set(PointwiseForwardKernel.Argument.X, address(x))
                        .set(PointwiseForwardKernel.Argument.SCALE, address(affine))
                        .set(PointwiseForwardKernel.Argument.SHIFT, address(affine.row(1)))
                        .set(PointwiseForwardKernel.Argument.WEIGHTS, address(weights))
                        .set(PointwiseForwardKernel.Argument.TILE, address(chunk))
                        .set(PointwiseForwardKernel.Argument.Z, address(z)));
    }

    @Override
    public void backward(int lane, PointwiseGradient g, Matrix chunk) {
        PointwiseBackwardKernel kernel =
                backward.of(
                        new PointwiseBackwardKernel.Form(
                                storage,
                                words,
                                g.x().rows(),
                                g.x().columns(),
                                g.z().columns(),
                                g.x().rowBytes(),
                                g.z().rowBytes(),
                                g.result().rowBytes(),
                                g.blockGradient().rowBytes()));
        arena.kernels().fill(g.partial(), 0);
        long gradientTile = address(chunk) + PointwiseBackwardKernel.tileBytes(g.x().columns());
        kernel.run(
                backwardArguments[lane]
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
                        .set(Argument.GRADIENT_TILE, gradientTile));
    }

    private long address(Matrix m) {
        return base + m.offset();
    }

    @Override
    public void close() {
        weights.close();
        forward.close();
        backward.close();
    }
}
