package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Panels;

/**
 * A 1x1 convolution of float32 as products of matrices in machine code of the engine's own:
 *
 * <pre>
 * Y [pixels, out] = X·Wᵀ     dX [pixels, in] = dY·W     dW [out, in] += dYᵀ·X
 * </pre>
 *
 * W is packed as panels, for one product of columns of Wᵀ and for the other of W: rows that are
 * some power of two apart would otherwise share few places of the caches. A panel of outputs, and
 * some of inputs, are a part of the packing.
 */
final class CompiledPointConvolution implements HostConvolution {
    private final CpuArena arena;
    private final CompiledProducts products;
    private final Panels outputs;
    private final Panels inputs;
    private final ConvolutionShape shape;

    CompiledPointConvolution(
            CpuArena arena, InstructionSet set, CompiledProducts products, ConvolutionShape shape) {
        this.arena = arena;
        this.products = products;
        this.outputs = new Panels(set, shape.outputChannels());
        this.inputs = new Panels(set, shape.inputChannels());
        this.shape = shape;
    }

    static boolean fits(ConvolutionShape s) {
        return s.type() == DataType.FLOAT32
                && s.kernel() == 1
                && s.stride() == 1
                && s.padding() == 0;
    }

    static ConvolutionMemory memory(InstructionSet set, ConvolutionShape s) {
        int in = s.inputChannels();
        int out = s.outputChannels();
        long floats = Math.max(new Panels(set, out).floats(in), new Panels(set, in).floats(out));
        return new ConvolutionMemory(Float.BYTES * floats, (long) Float.BYTES * s.weights(), 0);
    }

    @Override
    public ConvolutionShape shape() {
        return shape;
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
    public boolean writesColumns() {
        return true;
    }

    @Override
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        Matrix x = pixels(source, images);
        products.multiplyByPacked(lane, x, outputs, packed.offset(), pixels(output, images));
    }

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        Matrix dY = pixels(outputGradient, images);
        Matrix dX = pixels(sourceGradient, images);
        products.multiplyByPacked(lane, dY, inputs, packed.offset(), dX);
    }

    @Override
    public void backwardWeights(
            int lane,
            int images,
            Matrix source,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        Matrix dY = pixels(outputGradient, images);
        Matrix x = pixels(source, images);
        Matrix dW = rows(sum);
        products.multiply(lane, GemmShape.of(dY, true, x, false, dW, true), dY, x, dW);
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        int row = outputs.firstColumn(part);
        int rows = Math.min(outputs.columns(part), shape.outputChannels() - row);
        int first = row * shape.inputChannels();
        int count = rows * shape.inputChannels();
        Matrix total = arena.total(sums.columns(first, count));
        Matrix all = Matrix.vector(gradient.offset(), shape.weights());
        arena.kernels().add(total, all.columns(first, count));
    }

    private Matrix pixels(Matrix matrix, int images) {
        return matrix.rows(0, images * shape.height() * shape.width());
    }

    /** As a matrix [out, in]. */
    private Matrix rows(Matrix weights) {
        int out = shape.outputChannels();
        int in = shape.inputChannels();
        return Matrix.dense(weights.offset(), out, in);
    }

    @Override
    public void close() {
        // The products are the arena's.
    }
}
