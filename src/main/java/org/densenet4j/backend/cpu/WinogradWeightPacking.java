package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;

/**
 * The weights of a 3x3 convolution and their gradient between the PyTorch layout and Winograd's
 * domain; see {@link WinogradWeights}.
 */
final class WinogradWeightPacking implements AutoCloseable {
    private final CpuArena arena;
    private final ConvolutionShape shape;
    private final WinogradWeights weights;
    private final WeightLayouts layouts;

    WinogradWeightPacking(CpuArena arena, ConvolutionShape shape) {
        this.arena = arena;
        this.shape = shape;
        this.weights = new WinogradWeights(arena.memory());
        this.layouts = new WeightLayouts(arena, shape);
    }

    /** U of [in, out]. */
    void packForward(int lane, Matrix plain, Matrix packed) {
        long turned = arena.scratchOffset(lane);
        layouts.intoInputRows(lane, plain, turned);
        weights.transform(
                turned,
                shape.inputChannels(),
                TileGroups.padded(shape.outputChannels()),
                false,
                turned + layouts.bytes(),
                packed.offset());
    }

    /** U of [out, in], turned by 180 degrees. */
    void packBackward(int lane, Matrix plain, Matrix packed) {
        long turned = arena.scratchOffset(lane);
        layouts.intoOutputRows(lane, plain, turned);
        weights.transform(
                turned,
                shape.outputChannels(),
                TileGroups.padded(shape.inputChannels()),
                true,
                turned + layouts.bytes(),
                packed.offset());
    }

    /** Adds the lanes' sums of dU of [out, in] to a gradient. */
    void reduceWeightGradient(int lane, Matrix sums, Matrix gradient) {
        long turned = arena.scratchOffset(lane);
        weights.gradient(
                arena.total(sums).offset(),
                shape.outputChannels(),
                TileGroups.padded(shape.inputChannels()),
                turned + layouts.bytes(),
                turned);
        layouts.addOutputRows(lane, turned, gradient);
    }

    /** Bytes of the larger of the two packed weights. */
    static long weightBytes(ConvolutionShape s) {
        return Math.max(
                bytes(s.inputChannels(), s.outputChannels()),
                bytes(s.outputChannels(), s.inputChannels()));
    }

    /** Bytes of the gradient in Winograd's domain. */
    static long gradientBytes(ConvolutionShape s) {
        return bytes(s.outputChannels(), s.inputChannels());
    }

    /** Bytes of scratch that packing takes. */
    static long scratchBytes(ConvolutionShape s) {
        return WeightLayouts.bytes(s) + WinogradWeights.temporaryBytes();
    }

    private static long bytes(int rows, int columns) {
        long floats = TileBuffers.matrixFloats(rows, TileGroups.padded(columns));
        return 4 * TileBuffers.ELEMENTS * floats;
    }

    @Override
    public void close() {
        layouts.close();
    }
}
