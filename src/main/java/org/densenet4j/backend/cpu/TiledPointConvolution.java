package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.TileRegister;
import org.densenet4j.backend.cpu.jit.TilePanels;

/** A {@link PointConvolution} of bfloat16 on tiles (AMX), to which W is rounded as it is packed. */
final class TiledPointConvolution extends PointConvolution {
    private final TiledProducts products;
    private final TilePanels outputs;
    private final TilePanels inputs;

    TiledPointConvolution(CpuArena arena, TiledProducts products, ConvolutionShape shape) {
        super(arena, shape);
        this.products = products;
        this.outputs = outputs(shape);
        this.inputs = inputs(shape);
    }

    /** Panels of Wᵀ. */
    private static TilePanels outputs(ConvolutionShape s) {
        return new TilePanels(s.inputChannels(), s.outputChannels());
    }

    /** Panels of W. */
    private static TilePanels inputs(ConvolutionShape s) {
        return new TilePanels(s.outputChannels(), s.inputChannels());
    }

    static boolean fits(Host host, ConvolutionShape s) {
        return s.type() == DataType.BFLOAT16
                && isPoint(s)
                && Math.min(s.inputChannels(), s.outputChannels()) >= TileRegister.ROWS
                && host.tiles();
    }

    static ConvolutionMemory memory(ConvolutionShape s) {
        int in = s.inputChannels();
        int out = s.outputChannels();
        int pixels = s.images() * s.height() * s.width();
        long product = TiledProducts.scratchBytes(pixels, Math.max(in, out));
        long gradient = TiledProducts.scratchBytes(weightGradient(s));
        long rounded = 2L * Math.max(in, out) * TileRegister.ROWS;
        return new ConvolutionMemory(
                Math.max(outputs(s).bytes(), inputs(s).bytes()),
                (long) Float.BYTES * s.weights(),
                Math.max(Math.max(product, gradient), rounded));
    }

    @Override
    int firstOutput(int part) {
        return outputs.firstColumn(part);
    }

    @Override
    public int parts() {
        return outputs.count();
    }

    @Override
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        Matrix rows = rows(weights).rows(outputs.firstColumn(part), outputs.columns(part));
        Matrix rounded = rounded(lane, rows);
        products.packing().intoRowPanels(rounded, packed.offset() + outputs.offset(part));
    }

    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        for (int panel = part; panel < inputs.count(); panel += parts()) {
            Matrix w = rows(weights).columns(inputs.firstColumn(panel), inputs.columns(panel));
            Matrix rounded = rounded(lane, w);
            products.packing().intoColumnPanels(rounded, packed.offset() + inputs.offset(panel));
        }
    }

    /** A copy in the lane's scratch. */
    private Matrix rounded(int lane, Matrix weights) {
        Matrix to =
                Matrix.dense(
                        arena.scratchOffset(lane),
                        weights.rows(),
                        weights.columns(),
                        DataType.BFLOAT16);
        arena.kernels().copy(weights, to);
        return to;
    }

    @Override
    void multiplyForward(int lane, Matrix x, Matrix packed, Matrix y) {
        products.multiplyByPanels(lane, x, packed.offset(), y, false);
    }

    @Override
    void multiplyBackward(int lane, Matrix dY, Matrix packed, Matrix dX) {
        products.multiplyByPanels(lane, dY, packed.offset(), dX, false);
    }

    @Override
    void multiply(int lane, GemmShape product, Matrix a, Matrix b, Matrix c) {
        products.multiply(lane, product, a, b, c);
    }
}
