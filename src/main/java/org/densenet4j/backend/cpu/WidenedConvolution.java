package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

/**
 * A convolution of images in bfloat16 where oneDNN has none, below AVX-512: source and result are
 * float32 in a lane's scratch, chunk by chunk.
 */
final class WidenedConvolution implements HostConvolution {
    private final CpuArena arena;
    private final ConvolutionShape shape;
    private final CpuConvolution floats;
    private final long scratch;

    WidenedConvolution(CpuArena arena, ConvolutionShape shape) {
        this.arena = arena;
        this.shape = shape;
        this.floats = new CpuConvolution(arena, shape.withType(DataType.FLOAT32));
        this.scratch =
                Scratch.rounded(
                        CpuConvolution.memory(arena.dnn(), shape.withType(DataType.FLOAT32))
                                .scratch());
    }

    static ConvolutionMemory memory(OneDnn dnn, ConvolutionShape s) {
        ConvolutionMemory memory = CpuConvolution.memory(dnn, s.withType(DataType.FLOAT32));
        return new ConvolutionMemory(
                memory.packedWeights(),
                memory.packedGradient(),
                Scratch.rounded(memory.scratch()) + sourceBytes(s) + outputBytes(s));
    }

    private static long sourceBytes(ConvolutionShape s) {
        return Scratch.rounded(4L * s.images() * s.height() * s.width() * s.inputChannels());
    }

    private static long outputBytes(ConvolutionShape s) {
        return 4L * s.images() * s.outputHeight() * s.outputWidth() * s.outputChannels();
    }

    /** Room for as many floats, behind the scratch of oneDNN. */
    private Matrix source(int lane, Matrix like) {
        return floats(arena.scratchOffset(lane) + scratch, like);
    }

    private Matrix output(int lane, Matrix like) {
        return floats(arena.scratchOffset(lane) + scratch + sourceBytes(shape), like);
    }

    private static Matrix floats(long offset, Matrix like) {
        return new Matrix(offset, like.rows(), like.columns(), like.columns(), DataType.FLOAT32);
    }

    private Matrix widened(Matrix room, Matrix x) {
        arena.kernels().copy(x, room);
        return room;
    }

    @Override
    public ConvolutionShape shape() {
        return shape;
    }

    @Override
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        floats.packForward(lane, part, weights, packed);
    }

    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        floats.packBackward(lane, part, weights, packed);
    }

    @Override
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        Matrix result = output(lane, output);
        floats.forward(lane, images, widened(source(lane, source), source), packed, result);
        arena.kernels().copy(result, output);
    }

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        Matrix result = source(lane, sourceGradient);
        Matrix gradient = widened(output(lane, outputGradient), outputGradient);
        floats.backwardData(lane, images, gradient, packed, result);
        arena.kernels().copy(result, sourceGradient);
    }

    @Override
    public void backwardWeights(
            int lane,
            int images,
            Matrix source,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        floats.backwardWeights(
                lane,
                images,
                widened(source(lane, source), source),
                widened(output(lane, outputGradient), outputGradient),
                ofChunk,
                sum);
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        floats.reduceWeightGradient(lane, part, sums, gradient);
    }

    @Override
    public void close() {
        floats.close();
    }
}
