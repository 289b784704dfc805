package org.densenet4j.backend.cpu;

import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.TileRegister;
import org.densenet4j.backend.cpu.jit.Storage;
import org.densenet4j.backend.cpu.jit.TilePanels;
import org.densenet4j.backend.cpu.jit.TiledProductKernel;
import org.densenet4j.backend.cpu.jit.TransposedRowsKernel;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/**
 * A convolution of bfloat16 as a sum of products of tiles (AMX), one for each tap: with the images
 * copied as {@link PhasedImages}, a tap's left side is the same matrix some pixels further on.
 *
 * <pre>
 * Y[q, o]      = Σ_tap Σ_c P[q + tap, c]·W[o, c, tap]
 * dP[q, c]     = Σ_tap Σ_o D[q + tap', o]·W[o, c, tap]     for the taps that reach a phase
 * dW[tap][o, c] += Σ_q dY[q, o]·P[q + tap, c]
 * </pre>
 *
 * D is dY with zeros around it. The product for dW sums over pixels, so that its right side are
 * pairs of them; for a tap an odd number of pixels further on dY moves a pixel back instead.
 */
final class TiledConvolution implements HostConvolution {
    private final CpuArena arena;
    private final TiledProducts products;
    private final ConvolutionShape shape;
    private final Taps taps;
    private final TiledConvolutionWeights weights;
    private final int stride;
    private final int reach;
    private final int in;
    private final int out;

    TiledConvolution(CpuArena arena, TiledProducts products, ConvolutionShape shape) {
        this.arena = arena;
        this.products = products;
        this.shape = shape;
        this.stride = shape.stride();
        this.taps = new Taps(shape);
        this.weights = new TiledConvolutionWeights(arena, products.packing(), taps);
        this.reach = taps.reach();
        this.in = shape.inputChannels();
        this.out = shape.outputChannels();
    }

    static boolean fits(Host host, ConvolutionShape s) {
        return s.type() == DataType.BFLOAT16
                && Math.min(s.inputChannels(), s.outputChannels()) >= TileRegister.ROWS
                && host.tiles();
    }

    // ---------------------------------------------------------------- memory

    static ConvolutionMemory memory(ConvolutionShape s) {
        Taps taps = new Taps(s);
        PhasedImages p = taps.source(sums(), taps.sourceGroup(s.images()));
        PhasedImages d = taps.gradient(sums(), taps.gradientGroup(s.images()));
        long forward = sums() + p.bytes() + rows(p.paddedPixels(), s.outputChannels());
        long backward = sums() + d.bytes() + rows(d.paddedPixels(), s.inputChannels());
        long gradient = GradientMemory.of(sums(), s, p).end();
        long packing = TiledConvolutionWeights.scratchBytes(taps);
        return new ConvolutionMemory(
                TiledConvolutionWeights.packedBytes(taps),
                (long) Float.BYTES * s.weights(),
                Math.max(Math.max(forward, backward), Math.max(gradient, packing)));
    }

    /** Bytes that sums of a block, or pairs before they are transposed, pass through. */
    private static long sums() {
        return Scratch.rounded(
                TiledProductKernel.filledScratchBytes() + TransposedRowsKernel.scratchBytes());
    }

    private static long rows(int pixels, int channels) {
        return Scratch.rounded((long) pixels * channels * DataType.BFLOAT16.bytes());
    }

    // ---------------------------------------------------------------- weights

    @Override
    public ConvolutionShape shape() {
        return shape;
    }

    @Override
    public int parts() {
        return weights.parts();
    }

    @Override
    public void packForward(int lane, int part, Matrix plain, Matrix packed) {
        weights.packForward(lane, part, plain, packed);
    }

    @Override
    public void packBackward(int lane, int part, Matrix plain, Matrix packed) {
        weights.packBackward(lane, part, plain, packed);
    }

    // ---------------------------------------------------------------- forward

    @Override
    public boolean writesColumns() {
        return true;
    }

    @Override
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        forward(lane, images, source, null, packed, output);
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
        forward(lane, images, z, affine, packed, output);
    }

    private void forward(
            int lane,
            int images,
            Matrix source,
            @Nullable Matrix affine,
            Matrix packed,
            Matrix output) {
        ImageGroup.forEach(
                images,
                0,
                shape.outputHeight(),
                taps.sourceGroup(images),
                g -> forward(lane, g, source, affine, packed, output, 0));
    }

    /** Writes a group's rows of the output, of which the first row of an image is {@code top}. */
    private void forward(
            int lane,
            ImageGroup g,
            Matrix source,
            @Nullable Matrix affine,
            Matrix packed,
            Matrix output,
            int top) {
        PhasedImages p = source(lane, g, source, affine);
        long result = p.offset() + p.bytes();
        List<Long> places = new ArrayList<>();
        for (int tap = 0; tap < taps.count(); tap++) {
            places.add(p.bytesTo(taps.pixelsTo(p, tap)));
        }
        Matrix y = product(lane, p, places, taps.outputs(), packed.offset(), result, out);
        int width = shape.outputWidth();
        for (int i = 0; i < g.images(); i++) {
            for (int row = 0; row < g.rows(); row++) {
                int image = (g.firstImage() + i) * shape.outputHeight() * width;
                int to = image + (g.firstRow() + row - top) * width;
                int from = (i * p.rowsOfImage() + row) * p.pitch();
                products.move(y.rows(from, width), null, output.rows(to, width));
            }
        }
    }

    /** {@code Σ p[q + place]·panels} for all pixels q. */
    private Matrix product(
            int lane,
            PhasedImages p,
            List<Long> places,
            TilePanels panels,
            long packed,
            long result,
            int channels) {
        Matrix y = Matrix.dense(result, p.pixels(), channels, DataType.BFLOAT16);
        TiledProductKernel.Form form =
                new TiledProductKernel.Form(
                        p.pixels(),
                        p.channels(),
                        channels,
                        p.all().rowBytes(),
                        y.rowBytes(),
                        Storage.BFLOAT16,
                        false,
                        panels.panelBytes(),
                        places,
                        true);
        products.run(lane, form, p.offset(), packed, result, arena.scratchOffset(lane));
        return y;
    }

    /** The source that a group's rows of the output read, normalised if {@code affine} is there. */
    private PhasedImages source(int lane, ImageGroup g, Matrix source, @Nullable Matrix affine) {
        PhasedImages p = taps.source(arena.scratchOffset(lane) + sums(), g);
        arena.fill(p.offset(), p.bytes());
        for (int i = 0; i < g.images(); i++) {
            for (int row = 0; row < g.rows() + reach; row++) {
                for (int phase = 0; phase < p.phases(); phase++) {
                    int y = (g.firstRow() + row) * stride + phase / stride - shape.padding();
                    PixelRow some = PixelRow.of(shape, y, phase % stride);
                    if (some.count() > 0) {
                        Matrix from = some.of(source, g.firstImage() + i);
                        Matrix to = p.pixels(phase, i, row, some.column(), some.count(), in);
                        products.move(from, affine, to);
                    }
                }
            }
        }
        return p;
    }

    @Override
    public int mostBands() {
        return shape.outputHeight();
    }

    @Override
    public void forwardBand(
            int lane, int band, int bands, Matrix z, Matrix affine, Matrix packed, Matrix output) {
        int top = firstLine(band, bands);
        ImageGroup.forEach(
                1,
                top,
                firstLine(band + 1, bands) - top,
                taps.sourceGroup(1),
                g -> forward(lane, g, z, affine, packed, output, top));
    }

    // ---------------------------------------------------------------- gradient of the source

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        ImageGroup.forEach(
                images,
                taps.firstRow(),
                taps.gradientRows(),
                taps.gradientGroup(images),
                g -> backwardData(lane, g, outputGradient, packed, sourceGradient));
    }

    private void backwardData(
            int lane, ImageGroup g, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        PhasedImages d = surrounded(lane, g, outputGradient);
        long panels = packed.offset();
        for (int phase = 0; phase < taps.phases(); phase++) {
            List<Taps.Tap> some = taps.ofPhase(phase);
            if (some.isEmpty()) {
                give(g, d, phase, null, sourceGradient);
                continue;
            }
            List<Long> places = new ArrayList<>();
            for (Taps.Tap tap : some) {
                places.add(d.bytesTo(taps.pixelsTo(d, tap)));
            }
            TilePanels ofPhase = taps.inputs(some.size());
            long result = d.offset() + d.bytes();
            Matrix dX = product(lane, d, places, ofPhase, panels, result, in);
            give(g, d, phase, dX, sourceGradient);
            panels += ofPhase.bytes();
        }
    }

    /** The gradient of the output that a group's rows are reached by, with zeros around it. */
    private PhasedImages surrounded(int lane, ImageGroup g, Matrix outputGradient) {
        PhasedImages d = taps.gradient(arena.scratchOffset(lane) + sums(), g);
        arena.fill(d.offset(), d.bytes());
        int width = shape.outputWidth();
        for (int i = 0; i < g.images(); i++) {
            for (int row = 0; row < g.rows() + reach; row++) {
                int y = g.firstRow() + row - reach;
                if (y >= 0 && y < shape.outputHeight()) {
                    int from = ((g.firstImage() + i) * shape.outputHeight() + y) * width;
                    Matrix to = d.pixels(0, i, row, reach, width, out);
                    products.move(outputGradient.rows(from, width), null, to);
                }
            }
        }
        return d;
    }

    /** Writes the pixels of a phase; zeros where no tap reaches it. */
    private void give(
            ImageGroup g, PhasedImages d, int phase, @Nullable Matrix dX, Matrix sourceGradient) {
        for (int i = 0; i < g.images(); i++) {
            for (int row = 0; row < g.rows(); row++) {
                int y = (g.firstRow() + row) * stride + phase / stride - shape.padding();
                PixelRow some = PixelRow.of(shape, y, phase % stride);
                if (some.count() > 0) {
                    Matrix to = some.of(sourceGradient, g.firstImage() + i);
                    int from = (i * d.rowsOfImage() + row) * d.pitch() + some.column();
                    if (dX == null) {
                        arena.kernels().fill(to, 0);
                    } else {
                        products.move(dX.rows(from, some.count()), null, to);
                    }
                }
            }
        }
    }

    // ---------------------------------------------------------------- gradient of the weights

    /**
     * Where what the gradient of the weights needs lies behind the source.
     *
     * @param gradient dY, with zeros for pixels that are not used
     * @param transposed the same as rows of pixels, each behind {@link #LEAD} bytes of zeros
     * @param row bytes from row to row of these
     * @param pairs of pixels of the source, as panels
     * @param end of it all
     */
    private record GradientMemory(long gradient, long transposed, long row, long pairs, long end) {
        /** A cache line, so that rows that do not move back start on one. */
        static final long LEAD = 64;

        static GradientMemory of(long source, ConvolutionShape s, PhasedImages p) {
            long gradient = source + p.bytes();
            long transposed = gradient + rows(p.paddedPixels(), s.outputChannels());
            long row = LEAD + TransposedRowsKernel.rowBytes(p.pixels() + 1);
            long pairs = transposed + Scratch.rounded(row * TilePanels.padded(s.outputChannels()));
            long end = pairs + Scratch.rounded(panels(p, s).bytes());
            return new GradientMemory(gradient, transposed, row, pairs, end);
        }

        static TilePanels panels(PhasedImages p, ConvolutionShape s) {
            return new TilePanels(p.all().rows(), s.inputChannels());
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
        addWeightGradient(lane, images, source, null, outputGradient, sum);
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
        addWeightGradient(lane, images, z, affine, outputGradient, sum);
    }

    private void addWeightGradient(
            int lane,
            int images,
            Matrix source,
            @Nullable Matrix affine,
            Matrix outputGradient,
            Matrix sum) {
        ImageGroup.forEach(
                images,
                0,
                shape.outputHeight(),
                taps.sourceGroup(images),
                g -> addWeightGradient(lane, g, source, affine, outputGradient, sum));
    }

    private void addWeightGradient(
            int lane,
            ImageGroup g,
            Matrix source,
            @Nullable Matrix affine,
            Matrix outputGradient,
            Matrix sum) {
        PhasedImages p = source(lane, g, source, affine);
        GradientMemory at = GradientMemory.of(p.offset(), shape, p);
        Matrix dY = spaced(at.gradient, g, p, outputGradient);
        long scratch = arena.scratchOffset(lane);
        arena.fill(at.transposed, at.pairs - at.transposed);
        long first = at.transposed + GradientMemory.LEAD;
        long words = scratch + TiledProductKernel.filledScratchBytes();
        products.transpose(dY, first, at.row, words);
        products.packing().intoColumnPanels(p.all().columns(0, in), at.pairs);
        TiledProductKernel.Form form =
                new TiledProductKernel.Form(
                        out,
                        TilePanels.padded(p.pixels() + 1),
                        in,
                        at.row,
                        (long) Float.BYTES * in,
                        Storage.FLOAT32,
                        true,
                        GradientMemory.panels(p, shape).panelBytes(),
                        List.of(0L),
                        true);
        for (int tap = 0; tap < taps.count(); tap++) {
            long pixels = taps.pixelsTo(p, tap);
            long back = pixels % 2 * DataType.BFLOAT16.bytes();
            products.run(
                    lane,
                    form,
                    first - back,
                    at.pairs + pixels / 2 * TileRegister.ROW_BYTES,
                    sum.offset() + (long) Float.BYTES * tap * out * in,
                    scratch);
        }
    }

    /** The gradient of the output with zeros for pixels that are computed and not used. */
    private Matrix spaced(long offset, ImageGroup g, PhasedImages p, Matrix outputGradient) {
        Matrix dY = Matrix.dense(offset, p.pixels(), out, DataType.BFLOAT16);
        arena.fill(offset, dY.storedBytes());
        int width = shape.outputWidth();
        for (int i = 0; i < g.images(); i++) {
            for (int row = 0; row < g.rows(); row++) {
                int y = (g.firstImage() + i) * shape.outputHeight() + g.firstRow() + row;
                int to = (i * p.rowsOfImage() + row) * p.pitch();
                products.move(outputGradient.rows(y * width, width), null, dY.rows(to, width));
            }
        }
        return dY;
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        weights.reduceWeightGradient(lane, part, sums, gradient);
    }

    @Override
    public void close() {
        // The products are the arena's.
    }
}
