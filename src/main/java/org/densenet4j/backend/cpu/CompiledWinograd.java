package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.code.OutputCode;
import org.densenet4j.backend.cpu.code.ProductCode;
import org.densenet4j.backend.cpu.code.Storage;
import org.densenet4j.backend.cpu.code.StripCode;

import java.lang.foreign.MemorySegment;

/**
 * {@link WinogradConvolution} in machine code of the engine's own: strips of four lines are
 * normalised, transformed, multiplied and transformed back without leaving the cache.
 */
final class CompiledWinograd implements HostConvolution {
    private final CpuArena arena;
    private final ConvolutionShape shape;
    private final StripGroups outputGroups;
    private final StripGroups weightGroups;
    private final CompiledTiles packing;
    private final long base;
    private final MemorySegment[] arguments;
    private final CompiledCodes<StripCode.Form, StripCode> strips =
            new CompiledCodes<>(StripCode::new, StripCode::close);
    private final CompiledCodes<ProductCode.Form, ProductCode> products =
            new CompiledCodes<>(ProductCode::new, ProductCode::close);
    private final CompiledCodes<OutputCode.Form, OutputCode> outputs =
            new CompiledCodes<>(OutputCode::new, OutputCode::close);

    CompiledWinograd(CpuArena arena, ConvolutionShape shape) {
        this.arena = arena;
        this.shape = shape;
        this.outputGroups = StripGroups.forOutputs(shape);
        this.weightGroups = StripGroups.forWeights(shape);
        this.packing = new CompiledTiles(arena, shape);
        this.base = arena.memory().address();
        this.arguments = new MemorySegment[arena.lanes().count()];
        for (int lane = 0; lane < arguments.length; lane++) {
            arguments[lane] = arena.lifetime().allocate(ProductCode.ARGUMENTS, 64);
        }
    }

    @Override
    public ConvolutionShape shape() {
        return shape;
    }

    @Override
    public int parts() {
        return CompiledTiles.PARTS;
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
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        filter(lane, images, source, null, packed, output);
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
        filter(lane, images, z, affine, packed, output);
    }

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        filter(lane, images, outputGradient, null, packed, sourceGradient);
    }

    private void filter(
            int lane, int images, Matrix from, Matrix affine, Matrix packed, Matrix to) {
        int in = StripGroups.padded(from.columns());
        int out = StripGroups.padded(to.columns());
        int all = images * outputGroups.down();
        for (int first = 0; first < all; first += outputGroups.strips()) {
            int count = Math.min(outputGroups.strips(), all - first);
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
                            new ProductCode.Form(
                                    Storage.FLOAT32,
                                    TileBuffers.ELEMENTS,
                                    tiles,
                                    from.columns(),
                                    out / StripCode.LANES,
                                    4L * in,
                                    4,
                                    4L * out,
                                    4L * out,
                                    vMatrix,
                                    uMatrix,
                                    mMatrix,
                                    false))
                    .run(arguments[lane], v, base + packed.offset(), m);
            for (int s = 0; s < count; s++) {
                output(first + s, s, mMatrix, m, to);
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
        int in = StripGroups.padded(source.columns());
        int out = StripGroups.padded(outputGradient.columns());
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
                            new ProductCode.Form(
                                    weightGroups.transformed(),
                                    TileBuffers.ELEMENTS,
                                    outputGradient.columns(),
                                    rows,
                                    in / StripCode.LANES,
                                    4,
                                    4L * out,
                                    4L * in,
                                    4L * in,
                                    dMatrix,
                                    vMatrix,
                                    4 * TileBuffers.matrixFloats(outputGradient.columns(), in),
                                    true))
                    .run(arguments[lane], d, v, base + sum.offset());
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
        StripCode code =
                strips.of(
                        new StripCode.Form(
                                CompiledPointwise.storage(x.type()),
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
                matrices + 4L * place * groups.rows() * StripGroups.padded(x.columns()));
    }

    private void output(int strip, int place, long mMatrix, long m, Matrix to) {
        int top = outputGroups.top(strip);
        OutputCode code =
                outputs.of(
                        new OutputCode.Form(
                                CompiledPointwise.storage(to.type()),
                                shape.width(),
                                to.columns(),
                                to.rowBytes(),
                                Math.min(Tiles.SIZE, shape.height() - top),
                                mMatrix));
        code.run(
                base + to.at((outputGroups.image(strip) * shape.height() + top) * shape.width(), 0),
                m + 4L * place * outputGroups.rows() * StripGroups.padded(to.columns()));
    }

    private ProductCode product(ProductCode.Form form) {
        return products.of(form);
    }

    static ConvolutionMemory memory(ConvolutionShape s) {
        return new ConvolutionMemory(
                CompiledTiles.weightBytes(s),
                CompiledTiles.gradientBytes(s),
                Math.max(
                        CompiledTiles.scratchBytes(),
                        Math.max(
                                StripGroups.forOutputs(s).bytes(),
                                StripGroups.forWeights(s).bytes())));
    }

    @Override
    public void close() {
        packing.close();
        strips.close();
        products.close();
        outputs.close();
    }
}
