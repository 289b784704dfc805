package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.MatrixProductKernel;
import org.densenet4j.backend.cpu.jit.WinogradOutputKernel;
import org.densenet4j.backend.cpu.jit.WinogradSourceKernel;
import org.densenet4j.backend.cpu.jit.Words;

/**
 * {@link WinogradConvolution} in machine code of the engine's own: strips of four lines are
 * normalised, transformed, multiplied and transformed back without leaving the cache.
 */
final class CompiledWinograd implements HostConvolution {
    private final CpuArena arena;
    private final InstructionSet set;
    private final ConvolutionShape shape;
    private final StripGroups outputGroups;
    private final StripGroups weightGroups;
    private final CompiledWinogradWeights packing;
    private final long base;
    private final Arguments[] arguments;
    private final KernelCache<WinogradSourceKernel.Form, WinogradSourceKernel> strips;
    private final KernelCache<MatrixProductKernel.Form, MatrixProductKernel> products;
    private final KernelCache<WinogradOutputKernel.Form, WinogradOutputKernel> outputs;

    CompiledWinograd(CpuArena arena, Target target, ConvolutionShape shape) {
        this.arena = arena;
        this.set = target.set();
        this.shape = shape;
        this.outputGroups = StripGroups.forOutputs(target, shape);
        this.weightGroups = StripGroups.forWeights(target, shape);
        this.packing = new CompiledWinogradWeights(arena, set, shape);
        this.base = arena.memory().address();
        this.strips = new KernelCache<>(set, WinogradSourceKernel::new);
        this.products = new KernelCache<>(set, MatrixProductKernel::new);
        this.outputs = new KernelCache<>(set, WinogradOutputKernel::new);
        this.arguments = arena.arguments(MatrixProductKernel.Argument.class);
    }

    @Override
    public ConvolutionShape shape() {
        return shape;
    }

    @Override
    public int parts() {
        return CompiledWinogradWeights.PARTS;
    }

    @Override
    public void packForward(int lane, int part, Matrix plain, Matrix packed) {
        packing.packForward(part, plain, packed);
    }

    @Override
    public void packBackward(int lane, int part, Matrix plain, Matrix packed) {
        packing.packBackward(part, plain, packed);
    }

    @Override
    public boolean writesColumns() {
        return true;
    }

    @Override
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        filter(lane, 0, images * outputGroups.down(), source, null, packed, output, 0);
    }

    @Override
    public void forward(
            Kernels kernels,
            int lane,
            int images,
            Matrix z,
            Matrix affine,
            Matrix normalised,
            Matrix packed,
            Matrix output) {
        filter(lane, 0, images * outputGroups.down(), z, affine, packed, output, 0);
    }

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        int strips = images * outputGroups.down();
        filter(lane, 0, strips, outputGradient, null, packed, sourceGradient, 0);
    }

    @Override
    public int mostBands() {
        return outputGroups.down();
    }

    @Override
    public int firstLine(int band, int bands) {
        return Math.min(shape.height(), firstStrip(band, bands) * Tiles.SIZE);
    }

    private int firstStrip(int band, int bands) {
        return band * outputGroups.down() / bands;
    }

    @Override
    public void forwardBand(
            int lane, int band, int bands, Matrix z, Matrix affine, Matrix packed, Matrix output) {
        filter(
                lane,
                firstStrip(band, bands),
                firstStrip(band + 1, bands),
                z,
                affine,
                packed,
                output,
                firstLine(band, bands) * shape.width());
    }

    /**
     * Convolves some strips.
     *
     * @param firstRow the row of the result that {@code to} begins with
     */
    private void filter(
            int lane,
            int firstStrip,
            int endStrip,
            Matrix from,
            Matrix affine,
            Matrix packed,
            Matrix to,
            int firstRow) {
        int in = set.padded(from.columns());
        int out = set.padded(to.columns());
        for (int first = firstStrip; first < endStrip; first += outputGroups.strips()) {
            int count = Math.min(outputGroups.strips(), endStrip - first);
            int tiles = count * outputGroups.rows();
            long vMatrix = 4 * TileBuffers.matrixFloats(tiles, in);
            long mMatrix = 4 * TileBuffers.matrixFloats(tiles, out);
            long v = buffers(lane, outputGroups);
            long m = v + TileBuffers.ELEMENTS * vMatrix;
            for (int s = 0; s < count; s++) {
                transform(lane, outputGroups, first + s, s, from, affine, false, vMatrix, v);
            }
            long uMatrix = 4 * TileBuffers.matrixFloats(from.columns(), out);
            product(
                            new MatrixProductKernel.Form(
                                    Words.FLOATS,
                                    TileBuffers.ELEMENTS,
                                    tiles,
                                    from.columns(),
                                    out,
                                    4L * in,
                                    4,
                                    4L * out,
                                    4L * out,
                                    vMatrix,
                                    uMatrix,
                                    mMatrix,
                                    false))
                    .run(operands(lane, v, base + packed.offset(), m));
            for (int s = 0; s < count; s++) {
                output(first + s, s, mMatrix, m, to, firstRow);
            }
        }
    }

    @Override
    public void backwardWeights(
            int lane,
            int images,
            Matrix source,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        weightGradient(lane, images, source, null, outputGradient, sum);
    }

    @Override
    public void backwardWeights(
            Kernels kernels,
            int lane,
            int images,
            Matrix z,
            Matrix affine,
            Matrix normalised,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        weightGradient(lane, images, z, affine, outputGradient, sum);
    }

    private void weightGradient(
            int lane, int images, Matrix source, Matrix affine, Matrix outputGradient, Matrix sum) {
        int in = set.padded(source.columns());
        int out = set.padded(outputGradient.columns());
        int all = images * weightGroups.down();
        for (int first = 0; first < all; first += weightGroups.strips()) {
            int count = Math.min(weightGroups.strips(), all - first);
            int rows = count * weightGroups.rows();
            long vMatrix = 4 * TileBuffers.matrixFloats(rows, in);
            long dMatrix = 4 * TileBuffers.matrixFloats(rows, out);
            long v = buffers(lane, weightGroups);
            long d = v + TileBuffers.ELEMENTS * vMatrix;
            for (int s = 0; s < count; s++) {
                transform(lane, weightGroups, first + s, s, source, affine, false, vMatrix, v);
                transform(lane, weightGroups, first + s, s, outputGradient, null, true, dMatrix, d);
            }
            product(
                            new MatrixProductKernel.Form(
                                    weightGroups.transformed(),
                                    TileBuffers.ELEMENTS,
                                    outputGradient.columns(),
                                    rows,
                                    in,
                                    4,
                                    4L * out,
                                    4L * in,
                                    4L * in,
                                    dMatrix,
                                    vMatrix,
                                    4 * TileBuffers.matrixFloats(outputGradient.columns(), in),
                                    true))
                    .run(operands(lane, d, v, base + sum.offset()));
        }
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        packing.reduceWeightGradient(lane, part, sums, gradient);
    }

    /** Address of the transformed tiles, behind the strip. */
    private long buffers(int lane, StripGroups groups) {
        return base + arena.scratchOffset(lane) + groups.stripBytes();
    }

    /** The transforms of one strip, number {@code place} of its group. */
    private void transform(
            int lane,
            StripGroups groups,
            int strip,
            int place,
            Matrix x,
            Matrix affine,
            boolean gradient,
            long matrix,
            long matrices) {
        int top = groups.top(strip);
        int first = gradient ? top : Math.max(0, top - 1);
        int end = Math.min(top + (gradient ? Tiles.SIZE : Tiles.SIZE + 1), shape.height());
        WinogradSourceKernel code =
                strips.of(
                        new WinogradSourceKernel.Form(
                                Target.storage(x.type()),
                                shape.width(),
                                x.columns(),
                                x.rowBytes(),
                                affine != null,
                                gradient,
                                gradient ? 0 : first - (top - 1),
                                end - first,
                                groups.transformed(),
                                matrix));
        code.run(
                base + x.at((groups.image(strip) * shape.height() + first) * shape.width(), 0),
                affine == null ? 0 : base + affine.offset(),
                affine == null ? 0 : base + affine.at(1, 0),
                base + arena.scratchOffset(lane),
                matrices + 4L * place * groups.rows() * set.padded(x.columns()));
    }

    private void output(int strip, int place, long mMatrix, long m, Matrix to, int firstRow) {
        int top = outputGroups.top(strip);
        WinogradOutputKernel code =
                outputs.of(
                        new WinogradOutputKernel.Form(
                                Target.storage(to.type()),
                                shape.width(),
                                to.columns(),
                                to.rowBytes(),
                                Math.min(Tiles.SIZE, shape.height() - top),
                                mMatrix));
        code.run(
                base
                        + to.at(
                                (outputGroups.image(strip) * shape.height() + top) * shape.width()
                                        - firstRow,
                                0),
                m + 4L * place * outputGroups.rows() * set.padded(to.columns()));
    }

    private Arguments operands(int lane, long left, long right, long result) {
        return arguments[lane]
                .set(MatrixProductKernel.Argument.A, left)
                .set(MatrixProductKernel.Argument.B, right)
                .set(MatrixProductKernel.Argument.C, result);
    }

    private MatrixProductKernel product(MatrixProductKernel.Form form) {
        return products.of(form);
    }

    static ConvolutionMemory memory(Target target, ConvolutionShape s) {
        InstructionSet set = target.set();
        return new ConvolutionMemory(
                CompiledWinogradWeights.weightBytes(set, s),
                CompiledWinogradWeights.gradientBytes(set, s),
                Math.max(
                        CompiledWinogradWeights.scratchBytes(set),
                        Math.max(
                                StripGroups.forOutputs(target, s).bytes(),
                                StripGroups.forWeights(target, s).bytes())));
    }

    @Override
    public void close() {
        packing.close();
        strips.close();
        products.close();
        outputs.close();
    }
}
