package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.TiledPointwiseBackwardKernel;
import org.densenet4j.backend.cpu.jit.TiledPointwiseForwardKernel;

/**
 * A pointwise convolution of activations in bfloat16 with products of tiles (AMX); otherwise as
 * {@link CompiledPointwise}.
 */
final class TiledPointwise implements HostPointwise {
    private final CpuArena arena;
    private final TilePacking weights;
    private final PointwiseArguments arguments;
    private final KernelCache<TiledPointwiseForwardKernel.Form, TiledPointwiseForwardKernel>
            forward;
    private final KernelCache<TiledPointwiseBackwardKernel.Form, TiledPointwiseBackwardKernel>
            backward;

    TiledPointwise(CpuArena arena, InstructionSet set) {
        this.arena = arena;
        this.weights = new TilePacking(arena, set);
        this.arguments = new PointwiseArguments(arena);
        this.forward = new KernelCache<>(set, TiledPointwiseForwardKernel::new);
        this.backward = new KernelCache<>(set, TiledPointwiseBackwardKernel::new);
    }

    static PointwiseMemory memory(PointwiseShape s) {
        long forwardTile = TiledPointwiseForwardKernel.tileBytes(s.inputChannels());
        long tiles =
                TiledPointwiseBackwardKernel.tileBytes(s.inputChannels())
                        + TiledPointwiseBackwardKernel.gradientTileBytes(s.outputChannels());
        return new PointwiseMemory(TilePacking.bytes(s), tiles, forwardTile, 0, 0);
    }

    @Override
    public Matrix packForward(int lane, Matrix weight, Matrix packed) {
        weights.intoRowPanels(weight, packed.offset());
        return packed;
    }

    @Override
    public Matrix packBackward(int lane, Matrix weight, Matrix packed) {
        weights.intoColumnPanels(weight, packed.offset());
        return packed;
    }

    @Override
    public void forward(int lane, Matrix x, Matrix affine, Matrix weights, Matrix chunk, Matrix z) {
        forward.of(
                        new TiledPointwiseForwardKernel.Form(
                                x.rows(), x.columns(), z.columns(), x.rowBytes(), z.rowBytes()))
                .run(arguments.forward(lane, x, affine, weights, chunk, z));
    }

    @Override
    public void backward(int lane, PointwiseGradient g, Matrix chunk) {
        TiledPointwiseBackwardKernel kernel =
                backward.of(
                        new TiledPointwiseBackwardKernel.Form(
                                g.x().rows(),
                                g.x().columns(),
                                g.z().columns(),
                                g.x().rowBytes(),
                                g.z().rowBytes(),
                                g.result().rowBytes(),
                                g.blockGradient().rowBytes()));
        arena.kernels().fill(g.partial(), 0);
        long tileBytes = TiledPointwiseBackwardKernel.tileBytes(g.x().columns());
        kernel.run(arguments.backward(lane, g, chunk, tileBytes));
    }

    @Override
    public void close() {
        weights.close();
        forward.close();
        backward.close();
    }
}
