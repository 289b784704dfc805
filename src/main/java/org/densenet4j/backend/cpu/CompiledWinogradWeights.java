package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.WinogradWeightGradientKernel;
import org.densenet4j.backend.cpu.jit.WinogradWeightKernel;

/**
 * What {@link WinogradWeightPacking} does, in machine code: straight from the PyTorch layout into
 * Winograd's domain and back.
 */
final class CompiledWinogradWeights implements AutoCloseable {
    /** Packing is cut into so many parts of rows, to balance the lanes. */
    static final int PARTS = 4;

    /** Bytes of a 3x3 filter. */
    private static final long FILTER = 36;

    private final CpuArena arena;
    private final InstructionSet set;
    private final ConvolutionShape shape;
    private final long base;
    private final KernelCache<WinogradWeightKernel.Form, WinogradWeightKernel> transforms;
    private final KernelCache<WinogradWeightGradientKernel.Form, WinogradWeightGradientKernel>
            gradients;

    CompiledWinogradWeights(CpuArena arena, InstructionSet set, ConvolutionShape shape) {
        this.arena = arena;
        this.set = set;
        this.shape = shape;
        this.base = arena.memory().address();
        this.transforms = new KernelCache<>(set, WinogradWeightKernel::new);
        this.gradients = new KernelCache<>(set, WinogradWeightGradientKernel::new);
    }

    /** Some of the input channels of U [in, out]. */
    void packForward(int part, Matrix plain, Matrix packed) {
        int in = shape.inputChannels();
        transform(part, plain, packed, in, shape.outputChannels(), FILTER, in * FILTER, false);
    }

    /** Some of the output channels of U [out, in], turned by 180 degrees. */
    void packBackward(int part, Matrix plain, Matrix packed) {
        int in = shape.inputChannels();
        transform(part, plain, packed, shape.outputChannels(), in, in * FILTER, FILTER, true);
    }

    private void transform(
            int part,
            Matrix plain,
            Matrix packed,
            int rows,
            int columns,
            long gRow,
            long gColumn,
            boolean turned) {
        int first = firstRow(part, rows);
        int count = firstRow(part + 1, rows) - first;
        transforms
                .of(
                        new WinogradWeightKernel.Form(
                                count, columns, turned, gRow, gColumn, matrix(set, rows, columns)))
                .run(
                        base + plain.offset() + first * gRow,
                        base + packed.offset() + first * packedRow(columns));
    }

    /** Adds some output channels of the lanes' sums of dU [out, in] to a gradient. */
    void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        int rows = shape.outputChannels();
        int columns = shape.inputChannels();
        int first = firstRow(part, rows);
        int count = firstRow(part + 1, rows) - first;
        gradients
                .of(
                        new WinogradWeightGradientKernel.Form(
                                count,
                                columns,
                                sums.rows(),
                                sums.rowBytes(),
                                matrix(set, rows, columns)))
                .run(
                        base + sums.offset() + first * packedRow(columns),
                        base + gradient.offset() + first * columns * FILTER,
                        base + arena.scratchOffset(lane));
    }

    private static int firstRow(int part, int rows) {
        return part * rows / PARTS;
    }

    /** Bytes of a row of one of the 36 matrices. */
    private long packedRow(int columns) {
        return 4L * set.padded(columns);
    }

    /** Bytes from one of the 36 matrices to the next. */
    private static long matrix(InstructionSet set, int rows, int columns) {
        return 4 * TileBuffers.matrixFloats(rows, set.padded(columns));
    }

    /** Bytes of the larger of the two packed weights. */
    static long weightBytes(InstructionSet set, ConvolutionShape s) {
        int in = s.inputChannels();
        int out = s.outputChannels();
        return TileBuffers.ELEMENTS * Math.max(matrix(set, in, out), matrix(set, out, in));
    }

    /** Bytes of the gradient in Winograd's domain. */
    static long gradientBytes(InstructionSet set, ConvolutionShape s) {
        return TileBuffers.ELEMENTS * matrix(set, s.outputChannels(), s.inputChannels());
    }

    /** Bytes of scratch that a lane needs. */
    static long scratchBytes(InstructionSet set) {
        return WinogradWeightGradientKernel.scratchBytes(set);
    }

    @Override
    public void close() {
        transforms.close();
        gradients.close();
    }
}
