package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.PadImageKernel;
import org.densenet4j.backend.cpu.jit.StemForm;
import org.densenet4j.backend.cpu.jit.StemForwardKernel;
import org.densenet4j.backend.cpu.jit.StemPanels;
import org.densenet4j.backend.cpu.jit.StemWeightGradientKernel;

/**
 * A convolution of few input channels in machine code of the engine's own, an image after the
 * other. Products are of float32 whatever the storage. The data gradient, which no training asks of
 * a stem, is oneDNN's.
 */
final class CompiledStem implements HostConvolution {
    /** Most input channels: with more, oneDNN has whole vectors of them. */
    private static final int MOST_INPUTS = 4;

    /** Most inputs that a line of the kernel covers: all of them are unrolled. */
    private static final int MOST_LINE_INPUTS = 32;

    private final CpuArena arena;
    private final InstructionSet set;
    private final ConvolutionShape shape;
    private final HostConvolution dataGradient;
    private final StemWeightPacking packing;
    private final KernelCache<PadImageKernel.Form, PadImageKernel> pads;
    private final KernelCache<StemForm, StemForwardKernel> forwards;
    private final KernelCache<StemForm, StemWeightGradientKernel> gradients;
    private final Arguments[] forwardArguments;
    private final Arguments[] gradientArguments;

    /**
     * Over an arena.
     *
     * @param dataGradient the same convolution, whose {@link #backwardData} is used
     */
    CompiledStem(
            CpuArena arena,
            InstructionSet set,
            ConvolutionShape shape,
            HostConvolution dataGradient) {
        this.arena = arena;
        this.set = set;
        this.shape = shape;
        this.dataGradient = dataGradient;
        this.packing = new StemWeightPacking(arena, panels(set, shape), shape);
        this.pads = new KernelCache<>(set, PadImageKernel::new);
        this.forwards = new KernelCache<>(set, StemForwardKernel::new);
        this.gradients = new KernelCache<>(set, StemWeightGradientKernel::new);
        this.forwardArguments = arena.arguments(StemForwardKernel.Argument.class);
        this.gradientArguments = arena.arguments(StemWeightGradientKernel.Argument.class);
    }

    /**
     * Whether this is faster than what else there is. With AVX-512, oneDNN's strided convolution of
     * float32 is as fast by itself, and a step of DenseNet-121 with it 2 % faster.
     */
    static boolean fits(InstructionSet set, ConvolutionShape s) {
        return s.inputChannels() <= MOST_INPUTS
                && s.kernel() > 1
                && s.kernel() * s.inputChannels() <= MOST_LINE_INPUTS
                && (s.stride() == 1 || s.type() == DataType.BFLOAT16 || set == InstructionSet.AVX2);
    }

    /**
     * Memory.
     *
     * @param dataGradient that of the convolution that makes it
     */
    static ConvolutionMemory memory(
            InstructionSet set, ConvolutionShape s, ConvolutionMemory dataGradient) {
        long bytes = Float.BYTES * panels(set, s).floats();
        return new ConvolutionMemory(
                Math.max(bytes, dataGradient.packedWeights()),
                bytes,
                Math.max(imageBytes(s) + lineBytes(set, s), dataGradient.scratch()));
    }

    private static StemPanels panels(InstructionSet set, ConvolutionShape s) {
        return new StemPanels(set, s.kernel(), s.inputChannels(), s.outputChannels());
    }

    private static long lineBytes(ConvolutionShape s) {
        return PadImageKernel.lineBytes(
                s.width() * s.inputChannels(), s.padding() * s.inputChannels());
    }

    private static long imageBytes(ConvolutionShape s) {
        return (s.height() + 2L * s.padding()) * lineBytes(s);
    }

    private static long lineBytes(InstructionSet set, ConvolutionShape s) {
        return StemWeightGradientKernel.roomBytes(set, s.outputChannels(), s.outputWidth());
    }

    @Override
    public ConvolutionShape shape() {
        return shape;
    }

    @Override
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        packing.packForward(weights, packed);
    }

    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        dataGradient.packBackward(lane, weights, packed);
    }

    @Override
    public boolean writesColumns() {
        return true;
    }

    @Override
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        StemForwardKernel kernel = forwards.of(form(output));
        for (int i = 0; i < images; i++) {
            kernel.run(
                    forwardArguments[lane]
                            .set(StemForwardKernel.Argument.IMAGE, padded(lane, i, source))
                            .set(StemForwardKernel.Argument.WEIGHTS, address(packed.offset()))
                            .set(StemForwardKernel.Argument.OUTPUT, outputImage(i, output)));
        }
    }

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        dataGradient.backwardData(lane, images, outputGradient, packed, sourceGradient);
    }

    @Override
    public void backwardWeights(
            int lane,
            int images,
            Matrix source,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        StemWeightGradientKernel kernel = gradients.of(form(outputGradient));
        long line = address(arena.scratchOffset(lane)) + imageBytes(shape);
        for (int i = 0; i < images; i++) {
            kernel.run(
                    gradientArguments[lane]
                            .set(StemWeightGradientKernel.Argument.IMAGE, padded(lane, i, source))
                            .set(
                                    StemWeightGradientKernel.Argument.GRADIENT,
                                    outputImage(i, outputGradient))
                            .set(StemWeightGradientKernel.Argument.LINE, line)
                            .set(StemWeightGradientKernel.Argument.SUMS, address(sum.offset())));
        }
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        packing.addGradient(arena.total(sums), gradient);
    }

    /** What is compiled for this output, or its gradient. */
    private StemForm form(Matrix output) {
        return new StemForm(
                Target.storage(output.type()),
                shape.inputChannels(),
                shape.outputChannels(),
                shape.kernel(),
                shape.stride(),
                shape.outputHeight(),
                shape.outputWidth(),
                lineBytes(shape),
                output.rowBytes());
    }

    /** Address of an image with zeros around it, in the lane's scratch. */
    private long padded(int lane, int image, Matrix source) {
        PadImageKernel kernel =
                pads.of(
                        new PadImageKernel.Form(
                                Target.storage(source.type()),
                                shape.height(),
                                shape.width() * shape.inputChannels(),
                                shape.padding(),
                                shape.padding() * shape.inputChannels()));
        long to = address(arena.scratchOffset(lane));
        kernel.run(address(source.at(image * shape.height() * shape.width(), 0)), to);
        return to;
    }

    private long outputImage(int image, Matrix output) {
        return address(output.at(image * shape.outputHeight() * shape.outputWidth(), 0));
    }

    private long address(long offset) {
        return arena.memory().address() + offset;
    }

    @Override
    public void close() {
        pads.close();
        forwards.close();
        gradients.close();
        dataGradient.close();
    }
}
