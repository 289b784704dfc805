package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.jit.PointwiseBackwardKernel;
import org.densenet4j.backend.cpu.jit.PointwiseForwardKernel;
import org.densenet4j.backend.cpu.jit.Storage;
import org.densenet4j.backend.cpu.jit.Words;

/**
 * A pointwise convolution in machine code of its own: normalisation, product and accumulation in
 * one pass, with a few rows of A in the first- or second-level cache. Compiled when a number of
 * rows is first met, and kept.
 */
final class CompiledPointwise implements HostPointwise {
    private final CpuArena arena;
    private final Storage storage;
    private final Words words;
    private final PointwiseWeights weights;
    private final PointwiseArguments arguments;
    private final KernelCache<PointwiseForwardKernel.Form, PointwiseForwardKernel> forward;
    private final KernelCache<PointwiseBackwardKernel.Form, PointwiseBackwardKernel> backward;

    CompiledPointwise(CpuArena arena, Target target, DataType type) {
        this.arena = arena;
        this.storage = Target.storage(type);
        this.words = target.words(type);
        this.weights = new PointwiseWeights(arena, target, type);
        this.forward = new KernelCache<>(target.set(), PointwiseForwardKernel::new);
        this.backward = new KernelCache<>(target.set(), PointwiseBackwardKernel::new);
        this.arguments = new PointwiseArguments(arena);
    }

    static PointwiseMemory memory(Target target, PointwiseShape s) {
        Words words = target.words(s.type());
        long tiles =
                PointwiseBackwardKernel.tileBytes(s.inputChannels())
                        + PointwiseBackwardKernel.gradientTileBytes(words, s.outputChannels());
        long forwardTile =
                PointwiseForwardKernel.tileBytes(
                        target.set(), words, s.inputChannels(), s.outputChannels());
        return new PointwiseMemory(PointwiseWeights.bytes(target, s), tiles, forwardTile, 0, 0);
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
        kernel.run(arguments.forward(lane, x, affine, weights, chunk, z));
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
        long tileBytes = PointwiseBackwardKernel.tileBytes(g.x().columns());
        kernel.run(arguments.backward(lane, g, chunk, tileBytes));
    }

    @Override
    public void close() {
        weights.close();
        forward.close();
        backward.close();
    }
}
