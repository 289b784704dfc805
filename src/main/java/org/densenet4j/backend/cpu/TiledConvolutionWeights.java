package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.TileRegister;
import org.densenet4j.backend.cpu.jit.TilePanels;

/**
 * The weights of a {@link TiledConvolution}: from PyTorch's layout, [out, in, kernel, kernel] in
 * float32, to panels, and the gradient back. A part are 16 outputs, or 16 inputs.
 */
final class TiledConvolutionWeights {
    private static final int PANEL = TileRegister.ROWS;

    private final CpuArena arena;
    private final TilePacking packing;
    private final ConvolutionShape shape;
    private final Taps taps;
    private final int count;
    private final int in;
    private final int out;

    TiledConvolutionWeights(CpuArena arena, TilePacking packing, Taps taps) {
        this.arena = arena;
        this.packing = packing;
        this.shape = taps.shape();
        this.taps = taps;
        this.count = taps.count();
        this.in = shape.inputChannels();
        this.out = shape.outputChannels();
    }

    /** Bytes of the larger of the two layouts. */
    static long packedBytes(Taps taps) {
        long backward = 0;
        for (int phase = 0; phase < taps.phases(); phase++) {
            backward += taps.inputs(taps.ofPhase(phase).size()).bytes();
        }
        return Math.max(taps.outputs().bytes(), backward);
    }

    /** Bytes of a lane's scratch. */
    static long scratchBytes(Taps taps) {
        int in = taps.shape().inputChannels();
        int channels = TilePanels.padded(Math.max(in, taps.shape().outputChannels()));
        long packing = (Float.BYTES + 2L * PANEL) * taps.count() * channels;
        return Math.max(packing, TilePacking.transposedBytes(taps.count(), in));
    }

    int parts() {
        return Math.ceilDiv(Math.max(in, out), PANEL);
    }

    void packForward(int lane, int part, Matrix weights, Matrix packed) {
        TilePanels panels = taps.outputs();
        if (part >= panels.count()) {
            return;
        }
        Matrix rounded = rounded(lane, TilePanels.padded(in));
        for (int r = 0; r < panels.columns(part); r++) {
            int o = panels.firstColumn(part) + r;
            Matrix ofOutput = Matrix.dense(weights.offset() + 4L * o * in * count, in, count);
            Matrix floats = packing.transposed(ofOutput, arena.scratchOffset(lane));
            arena.kernels().copy(floats, ofTaps(rounded.row(r), 0, count, in));
        }
        packing.intoRowPanels(
                rounded.rows(0, panels.columns(part)), packed.offset() + panels.offset(part));
    }

    void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        if (part >= taps.inputs(1).count()) {
            return;
        }
        int padded = TilePanels.padded(out);
        int columns = taps.inputs(1).columns(part);
        Matrix rounded = rounded(lane, padded);
        for (int r = 0; r < columns; r++) {
            int c = taps.inputs(1).firstColumn(part) + r;
            Matrix ofInput =
                    new Matrix(
                            weights.offset() + 4L * c * count,
                            out,
                            count,
                            in * count,
                            DataType.FLOAT32);
            Matrix floats = packing.transposed(ofInput, arena.scratchOffset(lane));
            int to = 0;
            for (int phase = 0; phase < taps.phases(); phase++) {
                for (Taps.Tap tap : taps.ofPhase(phase)) {
                    Matrix of = floats.row(tap.dy() * shape.kernel() + tap.dx());
                    arena.kernels().copy(of, ofTaps(rounded.row(r), to++, 1, out));
                }
            }
        }
        int first = 0;
        long at = packed.offset();
        for (int phase = 0; phase < taps.phases(); phase++) {
            int some = taps.ofPhase(phase).size();
            if (some > 0) {
                TilePanels panels = taps.inputs(some);
                Matrix ofPhase = rounded.rows(0, columns).columns(first, some * padded);
                packing.intoRowPanels(ofPhase, at + panels.offset(part));
                at += panels.bytes();
                first += some * padded;
            }
        }
    }

    void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        TilePanels panels = new TilePanels(1, out);
        if (part >= panels.count()) {
            return;
        }
        int first = panels.firstColumn(part);
        int ofPart = panels.columns(part) * in;
        for (int tap = 0; tap < count; tap++) {
            arena.total(sums.columns((tap * out + first) * in, ofPart));
        }
        for (int o = first; o < first + panels.columns(part); o++) {
            Matrix ofOutput =
                    new Matrix(
                            sums.offset() + (long) Float.BYTES * o * in,
                            count,
                            in,
                            out * in,
                            DataType.FLOAT32);
            Matrix to =
                    Matrix.dense(
                            gradient.offset() + (long) Float.BYTES * o * in * count, in, count);
            packing.addTransposed(ofOutput, arena.scratchOffset(lane), to);
        }
    }

    /** Zeros [16, taps·channels] in bfloat16, behind what is transposed. */
    private Matrix rounded(int lane, int channels) {
        long offset = arena.scratchOffset(lane) + 4L * count * channels;
        Matrix rounded = Matrix.dense(offset, PANEL, count * channels, DataType.BFLOAT16);
        arena.fill(offset, rounded.storedBytes());
        return rounded;
    }

    /** The channels of some taps of a row of {@link #rounded}. */
    private static Matrix ofTaps(Matrix row, int first, int count, int channels) {
        int stride = TilePanels.padded(channels);
        long offset = row.at(0, first * stride);
        return new Matrix(offset, count, channels, stride, row.type());
    }
}
