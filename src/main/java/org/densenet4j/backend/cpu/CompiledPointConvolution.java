package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Panels;

/**
 * A {@link PointConvolution} of float32. Rows of W that are some power of two apart would share few
 * places of the caches if they were not packed.
 */
final class CompiledPointConvolution extends PointConvolution {
    private final CompiledProducts products;
    private final Panels outputs;
    private final Panels inputs;

    CompiledPointConvolution(
            CpuArena arena, InstructionSet set, CompiledProducts products, ConvolutionShape shape) {
        super(arena, shape);
        this.products = products;
        this.outputs = new Panels(set, shape.outputChannels());
        this.inputs = new Panels(set, shape.inputChannels());
    }

    static boolean fits(ConvolutionShape s) {
        return s.type() == DataType.FLOAT32 && isPoint(s);
    }

    static ConvolutionMemory memory(InstructionSet set, ConvolutionShape s) {
        int in = s.inputChannels();
        int out = s.outputChannels();
        long floats = Math.max(new Panels(set, out).floats(in), new Panels(set, in).floats(out));
        return new ConvolutionMemory(Float.BYTES * floats, (long) Float.BYTES * s.weights(), 0);
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
        products.pack(outputs, part, rows(weights), true, packed.offset());
    }

    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        for (int panel = part; panel < inputs.count(); panel += parts()) {
            products.pack(inputs, panel, rows(weights), false, packed.offset());
        }
    }

    @Override
    void multiplyForward(int lane, Matrix x, Matrix packed, Matrix y) {
        products.multiplyByPacked(lane, x, outputs, packed.offset(), y);
    }

    @Override
    void multiplyBackward(int lane, Matrix dY, Matrix packed, Matrix dX) {
        products.multiplyByPacked(lane, dY, inputs, packed.offset(), dX);
    }

    @Override
    void multiply(int lane, GemmShape product, Matrix a, Matrix b, Matrix c) {
        products.multiply(lane, product, a, b, c);
    }
}
