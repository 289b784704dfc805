package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.TripletPanels;

/**
 * A {@link PointConvolution} of float32 on tiles of bfloat16 (AMX); see {@link TripletProducts}.
 */
final class TripletPointConvolution extends PointConvolution {
    private final TripletProducts products;
    private final TripletPanels outputs;
    private final TripletPanels inputs;

    TripletPointConvolution(CpuArena arena, TripletProducts products, ConvolutionShape shape) {
        super(arena, shape);
        this.products = products;
        this.outputs = new TripletPanels(shape.inputChannels(), shape.outputChannels());
        this.inputs = new TripletPanels(shape.outputChannels(), shape.inputChannels());
    }

    static boolean fits(Host host, ConvolutionShape s) {
        return s.type() == DataType.FLOAT32
                && isPoint(s)
                && TripletProducts.has(host, weightGradient(s));
    }

    static ConvolutionMemory memory(ConvolutionShape s) {
        int in = s.inputChannels();
        int out = s.outputChannels();
        int pixels = s.images() * s.height() * s.width();
        long products = TripletProducts.scratchBytes(pixels, Math.max(in, out));
        return new ConvolutionMemory(
                Math.max(
                        TripletProducts.packedBytes(in, out), TripletProducts.packedBytes(out, in)),
                (long) Float.BYTES * s.weights(),
                Math.max(products, TripletProducts.scratchBytes(weightGradient(s))));
    }

    @Override
    int firstOutput(int part) {
        return outputs.first(part);
    }

    @Override
    public int parts() {
        return outputs.count();
    }

    @Override
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        Matrix w = rows(weights).rows(outputs.first(part), outputs.size(part));
        products.pack(lane, w, false, outputs, part, packed.offset());
    }

    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        for (int panel = part; panel < inputs.count(); panel += parts()) {
            Matrix w = rows(weights).columns(inputs.first(panel), inputs.size(panel));
            products.pack(lane, w, true, inputs, panel, packed.offset());
        }
    }

    @Override
    void multiplyForward(int lane, Matrix x, Matrix packed, Matrix y) {
        products.multiplyByPacked(lane, x, packed.offset(), y, false);
    }

    @Override
    void multiplyBackward(int lane, Matrix dY, Matrix packed, Matrix dX) {
        products.multiplyByPacked(lane, dY, packed.offset(), dX, false);
    }

    @Override
    void multiply(int lane, GemmShape product, Matrix a, Matrix b, Matrix c) {
        products.multiply(lane, product, a, b, c);
    }
}
