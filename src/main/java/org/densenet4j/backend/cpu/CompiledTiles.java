package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.code.WeightGradientCode;
import org.densenet4j.backend.cpu.code.WeightTransformCode;

/**
 * What {@link PackedTiles} does, in machine code: straight from the PyTorch layout into Winograd's
 * domain and back.
 */
final class CompiledTiles implements AutoCloseable {
    /** Bytes of a 3x3 filter. */
    private static final long FILTER = 36;

    private final CpuArena arena;
    private final ConvolutionShape shape;
    private final long base;
    private final CompiledCodes<WeightTransformCode.Form, WeightTransformCode> transforms =
            new CompiledCodes<>(WeightTransformCode::new, WeightTransformCode::close);
    private final CompiledCodes<WeightGradientCode.Form, WeightGradientCode> gradients =
            new CompiledCodes<>(WeightGradientCode::new, WeightGradientCode::close);

    CompiledTiles(CpuArena arena, ConvolutionShape shape) {
        this.arena = arena;
        this.shape = shape;
        this.base = arena.memory().address();
    }

    /** U of [in, out]. */
    void packForward(Matrix plain, Matrix packed) {
        int in = shape.inputChannels();
        transform(plain, packed, in, shape.outputChannels(), FILTER, in * FILTER, false);
    }

    /** U of [out, in], turned by 180 degrees. */
    void packBackward(Matrix plain, Matrix packed) {
        int in = shape.inputChannels();
        transform(plain, packed, shape.outputChannels(), in, in * FILTER, FILTER, true);
    }

    private void transform(
            Matrix plain,
            Matrix packed,
            int rows,
            int columns,
            long gRow,
            long gColumn,
            boolean turned) {
        transforms
                .of(
                        new WeightTransformCode.Form(
                                rows, columns, turned, gRow, gColumn, matrix(rows, columns)))
                .run(base + plain.offset(), base + packed.offset());
    }

    /** Adds the lanes' sums of dU of [out, in] to a gradient. */
    void reduceWeightGradient(int lane, Matrix sums, Matrix gradient) {
        int rows = shape.outputChannels();
        int columns = shape.inputChannels();
        gradients
                .of(
                        new WeightGradientCode.Form(
                                rows, columns, sums.rows(), sums.rowBytes(), matrix(rows, columns)))
                .run(
                        base + sums.offset(),
                        base + gradient.offset(),
                        base + arena.scratchOffset(lane));
    }

    /** Bytes from one of the 36 matrices to the next. */
    private static long matrix(int rows, int columns) {
        return 4 * TileBuffers.matrixFloats(rows, TileGroups.padded(columns));
    }

    /** Bytes of scratch that a lane needs. */
    static long scratchBytes() {
        return WeightGradientCode.SCRATCH_BYTES;
    }

    @Override
    public void close() {
        transforms.close();
        gradients.close();
    }
}
