package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.code.BackwardCode;
import org.densenet4j.backend.cpu.code.ForwardCode;
import org.densenet4j.backend.cpu.code.Storage;

import java.lang.foreign.MemorySegment;

/**
 * A pointwise convolution in machine code of its own: normalisation, product and accumulation in
 * one pass, with a few rows of A in the first- or second-level cache. Compiled when a number of
 * rows is first met, and kept.
 */
final class CompiledPointwise implements PointwiseConvolution, AutoCloseable {
    private final CpuArena arena;
    private final Storage storage;
    private final PointwiseWeights weights;
    private final long base;
    private final MemorySegment[] arguments;
    private final CompiledCodes<ForwardKey, ForwardCode> forward =
            new CompiledCodes<>(this::compile, ForwardCode::close);
    private final CompiledCodes<BackwardKey, BackwardCode> backward =
            new CompiledCodes<>(this::compile, BackwardCode::close);

    private record ForwardKey(int rows, int inputs, int outputs, long xRow, long zRow) {}

    private record BackwardKey(
            int rows,
            int inputs,
            int outputs,
            long xRow,
            long zRow,
            long gradientRow,
            long blockRow) {}

    CompiledPointwise(CpuArena arena, DataType type) {
        this.arena = arena;
        this.storage = storage(type);
        this.weights = new PointwiseWeights(arena, storage);
        this.base = arena.memory().address();
        this.arguments = new MemorySegment[arena.lanes().count()];
        long bytes = Math.max(ForwardCode.ARGUMENTS, BackwardCode.ARGUMENTS);
        for (int lane = 0; lane < arguments.length; lane++) {
            arguments[lane] = arena.lifetime().allocate(bytes, 64);
        }
    }

    static Storage storage(DataType type) {
        return switch (type) {
            case FLOAT32 -> Storage.FLOAT32;
            case BFLOAT16 -> Storage.BFLOAT16;
        };
    }

    static PointwiseMemory memory(PointwiseShape s) {
        Storage storage = storage(s.type());
        long tiles =
                BackwardCode.tileBytes(storage, s.inputChannels())
                        + BackwardCode.gradientTileBytes(storage, s.outputChannels());
        long forwardTile = ForwardCode.tileBytes(storage, s.inputChannels(), s.outputChannels());
        return new PointwiseMemory(PointwiseWeights.bytes(s), tiles, forwardTile, 0);
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
        ForwardKey key =
                new ForwardKey(x.rows(), x.columns(), z.columns(), x.rowBytes(), z.rowBytes());
        forward.of(key)
                .run(
                        arguments[lane],
                        address(x),
                        address(affine),
                        address(affine.row(1)),
                        address(weights),
                        address(chunk),
                        address(z));
    }

    private ForwardCode compile(ForwardKey k) {
        return new ForwardCode(storage, k.rows, k.inputs, k.outputs, k.xRow, k.zRow);
    }

    @Override
    public void backward(int lane, PointwiseGradient g, Matrix chunk) {
        BackwardKey key =
                new BackwardKey(
                        g.x().rows(),
                        g.x().columns(),
                        g.z().columns(),
                        g.x().rowBytes(),
                        g.z().rowBytes(),
                        g.result().rowBytes(),
                        g.blockGradient().rowBytes());
        BackwardCode code = backward.of(key);
        arena.kernels().fill(g.partial(), 0);
        code.run(
                arguments[lane],
                new BackwardCode.Operands(
                        address(g.result()),
                        address(g.z()),
                        address(g.correction()),
                        address(g.correction().row(1)),
                        address(g.correction().row(2)),
                        address(g.zStatistics()),
                        address(g.x()),
                        address(g.affine()),
                        address(g.affine().row(1)),
                        address(g.statistics()),
                        address(g.factor()),
                        address(g.weight()),
                        address(g.weightSum()),
                        address(g.blockGradient()),
                        address(g.partial()),
                        address(g.partial().row(1)),
                        address(chunk),
                        address(chunk) + BackwardCode.tileBytes(storage, g.x().columns())));
    }

    private BackwardCode compile(BackwardKey k) {
        return new BackwardCode(
                storage, k.rows, k.inputs, k.outputs, k.xRow, k.zRow, k.gradientRow, k.blockRow);
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
