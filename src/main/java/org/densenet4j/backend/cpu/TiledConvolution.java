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
import java.util.stream.LongStream;

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
    /** Bytes of the images that are copied at a time: what stays in a second-level cache. */
    private static final long COPIED = 512 << 10;

    private static final int PANEL = TileRegister.ROWS;

    private final CpuArena arena;
    private final TiledProducts products;
    private final ConvolutionShape shape;
    private final int stride;
    private final int reach;
    private final int taps;
    private final int in;
    private final int out;

    TiledConvolution(CpuArena arena, TiledProducts products, ConvolutionShape shape) {
        this.arena = arena;
        this.products = products;
        this.shape = shape;
        this.stride = shape.stride();
        this.reach = reach(shape);
        this.taps = shape.kernel() * shape.kernel();
        this.in = shape.inputChannels();
        this.out = shape.outputChannels();
    }

    static boolean fits(Host host, ConvolutionShape s) {
        return s.type() == DataType.BFLOAT16
                && Math.min(s.inputChannels(), s.outputChannels()) >= PANEL
                && host.target().map(Target::tiles).orElse(false);
    }

    /** How many rows and columns of a phase further on taps read. */
    private static int reach(ConvolutionShape s) {
        return (s.kernel() - 1) / s.stride();
    }

    // ---------------------------------------------------------------- memory

    static ConvolutionMemory memory(ConvolutionShape s) {
        int taps = s.kernel() * s.kernel();
        int in = s.inputChannels();
        int out = s.outputChannels();
        ImageGroup read = group(s, s.images(), s.outputHeight(), sourcePitch(s), in, phases(s));
        PhasedImages p = PhasedImages.of(0, read, sourcePitch(s), reach(s), phases(s), in);
        long forward = sums() + p.bytes() + rows(p.paddedPixels(), out);
        GradientMemory gradient = GradientMemory.of(sums(), s, p);
        ImageGroup written = group(s, s.images(), gradientRows(s), gradientPitch(s), out, 1);
        PhasedImages d = PhasedImages.of(0, written, gradientPitch(s), reach(s), 1, out);
        long backward = sums() + d.bytes() + rows(d.paddedPixels(), in);
        int channels = PhasedImages.padded(Math.max(in, out));
        long rounded = 2L * PANEL * taps * channels;
        long reduction = TiledPointwiseWeights.transposedBytes(taps, in);
        long packing = 4L * taps * channels + rounded;
        long panels = new TilePanels(taps * PhasedImages.padded(in), out).bytes();
        for (int phase = 0; phase < phases(s); phase++) {
            int count = tapsOfPhase(s, phase).size();
            panels += new TilePanels(count * PhasedImages.padded(out), in).bytes();
        }
        return new ConvolutionMemory(
                panels,
                (long) Float.BYTES * s.weights(),
                LongStream.of(forward, backward, gradient.end(), packing, reduction)
                        .max()
                        .orElseThrow());
    }

    /** Bytes that sums of a block, or pairs before they are transposed, pass through. */
    private static long sums() {
        return Scratch.rounded(
                TiledProductKernel.filledScratchBytes() + TransposedRowsKernel.scratchBytes());
    }

    private static long rows(int pixels, int channels) {
        return Scratch.rounded((long) pixels * channels * DataType.BFLOAT16.bytes());
    }

    private static int phases(ConvolutionShape s) {
        return s.stride() * s.stride();
    }

    private static int sourcePitch(ConvolutionShape s) {
        return Math.ceilDiv(s.width() + 2 * s.padding(), s.stride());
    }

    /** Rows of a phase in which there are pixels of the source, from {@link #firstRow} on. */
    private static int gradientRows(ConvolutionShape s) {
        return (s.padding() + s.height() - 1) / s.stride() + 1 - firstRow(s);
    }

    private static int firstRow(ConvolutionShape s) {
        return s.padding() / s.stride();
    }

    private static int gradientPitch(ConvolutionShape s) {
        int columns = (s.padding() + s.width() - 1) / s.stride() + 1;
        return Math.max(columns, s.outputWidth()) + reach(s);
    }

    /** The largest group: several images, or some rows. */
    private static ImageGroup group(
            ConvolutionShape s, int images, int rows, int pitch, int channels, int phases) {
        long ofRow = 2L * pitch * phases * PhasedImages.padded(channels);
        int fit = Math.toIntExact(Math.max(1, COPIED / ofRow));
        int ofImage = rows + reach(s);
        return fit >= ofImage
                ? new ImageGroup(0, Math.clamp(fit / ofImage, 1, images), 0, rows)
                : new ImageGroup(0, 1, 0, Math.min(rows, Math.max(2, fit - reach(s))));
    }

    // ---------------------------------------------------------------- taps

    /** A tap by its row and column. */
    private record Tap(int dy, int dx) {}

    /** Those of all taps that read, or reach, a phase. */
    private static List<Tap> tapsOfPhase(ConvolutionShape s, int phase) {
        List<Tap> some = new ArrayList<>();
        for (int dy = phase / s.stride(); dy < s.kernel(); dy += s.stride()) {
            for (int dx = phase % s.stride(); dx < s.kernel(); dx += s.stride()) {
                some.add(new Tap(dy, dx));
            }
        }
        return some;
    }

    /** How many pixels further on a tap reads. */
    private long pixelsTo(PhasedImages p, int tap) {
        int dy = tap / shape.kernel();
        int dx = tap % shape.kernel();
        long phase = dy % stride * stride + dx % stride;
        return phase * p.pixelsOfPhase() + (long) dy / stride * p.pitch() + dx / stride;
    }

    // ---------------------------------------------------------------- packing

    @Override
    public ConvolutionShape shape() {
        return shape;
    }

    @Override
    public int parts() {
        return Math.ceilDiv(Math.max(in, out), PANEL);
    }

    private TilePanels outputs() {
        return new TilePanels(taps * PhasedImages.padded(in), out);
    }

    private TilePanels inputs(int tapCount) {
        return new TilePanels(tapCount * PhasedImages.padded(out), in);
    }

    @Override
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        TilePanels panels = outputs();
        if (part >= panels.count()) {
            return;
        }
        Matrix rounded = rounded(lane, PhasedImages.padded(in));
        for (int r = 0; r < panels.columns(part); r++) {
            int o = panels.firstColumn(part) + r;
            Matrix ofOutput = Matrix.dense(weights.offset() + 4L * o * in * taps, in, taps);
            Matrix floats = products.packing().transposed(ofOutput, arena.scratchOffset(lane));
            arena.kernels().copy(floats, ofTaps(rounded.row(r), 0, taps, in));
        }
        products.packing()
                .intoRowPanels(
                        rounded.rows(0, panels.columns(part)),
                        packed.offset() + panels.offset(part));
    }

    /** Zeros [16, taps·channels] in bfloat16, behind what is transposed. */
    private Matrix rounded(int lane, int channels) {
        long offset = arena.scratchOffset(lane) + 4L * taps * channels;
        Matrix rounded = Matrix.dense(offset, PANEL, taps * channels, DataType.BFLOAT16);
        arena.fill(offset, rounded.storedBytes());
        return rounded;
    }

    /** The channels of some taps of a row of {@link #rounded}. */
    private static Matrix ofTaps(Matrix row, int first, int count, int channels) {
        int stride = PhasedImages.padded(channels);
        long offset = row.at(0, first * stride);
        return new Matrix(offset, count, channels, stride, row.type());
    }

    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        if (part >= inputs(1).count()) {
            return;
        }
        int padded = PhasedImages.padded(out);
        int columns = inputs(1).columns(part);
        Matrix rounded = rounded(lane, padded);
        for (int r = 0; r < columns; r++) {
            int c = inputs(1).firstColumn(part) + r;
            Matrix ofInput =
                    new Matrix(
                            weights.offset() + 4L * c * taps,
                            out,
                            taps,
                            in * taps,
                            DataType.FLOAT32);
            Matrix floats = products.packing().transposed(ofInput, arena.scratchOffset(lane));
            int to = 0;
            for (int phase = 0; phase < phases(shape); phase++) {
                for (Tap tap : tapsOfPhase(shape, phase)) {
                    Matrix of = floats.row(tap.dy * shape.kernel() + tap.dx);
                    arena.kernels().copy(of, ofTaps(rounded.row(r), to++, 1, out));
                }
            }
        }
        int first = 0;
        long at = packed.offset();
        for (int phase = 0; phase < phases(shape); phase++) {
            int count = tapsOfPhase(shape, phase).size();
            if (count > 0) {
                TilePanels panels = inputs(count);
                Matrix ofPhase = rounded.rows(0, columns).columns(first, count * padded);
                products.packing().intoRowPanels(ofPhase, at + panels.offset(part));
                at += panels.bytes();
                first += count * padded;
            }
        }
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
                sourceGroup(images),
                g -> forward(lane, g, source, affine, packed, output, 0));
    }

    private ImageGroup sourceGroup(int images) {
        return group(shape, images, shape.outputHeight(), sourcePitch(shape), in, phases(shape));
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
        for (int tap = 0; tap < taps; tap++) {
            places.add(p.bytesTo(pixelsTo(p, tap)));
        }
        Matrix y = product(lane, p, places, outputs(), packed.offset(), result, out);
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
        PhasedImages p =
                PhasedImages.of(
                        arena.scratchOffset(lane) + sums(),
                        g,
                        sourcePitch(shape),
                        reach,
                        phases(shape),
                        in);
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

    /**
     * The pixels of a row of the source that are in a phase.
     *
     * @param column of the first in the phase
     */
    private record PixelRow(ConvolutionShape shape, int y, int x, int column, int count) {
        static PixelRow of(ConvolutionShape s, int y, int phase) {
            int column = Math.max(0, Math.ceilDiv(s.padding() - phase, s.stride()));
            int x = column * s.stride() + phase - s.padding();
            int count = y < 0 || y >= s.height() ? 0 : Math.ceilDiv(s.width() - x, s.stride());
            return new PixelRow(s, y, x, column, Math.max(0, count));
        }

        /** As rows of a matrix of all images' pixels. */
        Matrix of(Matrix images, int image) {
            int first = (image * shape.height() + y) * shape.width() + x;
            int stride = shape.stride() * images.stride();
            return new Matrix(images.at(first, 0), count, images.columns(), stride, images.type());
        }
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
                sourceGroup(1),
                g -> forward(lane, g, z, affine, packed, output, top));
    }

    // ---------------------------------------------------------------- gradient of the source

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        int rows = gradientRows(shape);
        ImageGroup most = group(shape, images, rows, gradientPitch(shape), out, 1);
        ImageGroup.forEach(
                images,
                firstRow(shape),
                rows,
                most,
                g -> backwardData(lane, g, outputGradient, packed, sourceGradient));
    }

    private void backwardData(
            int lane, ImageGroup g, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        PhasedImages d = surrounded(lane, g, outputGradient);
        long panels = packed.offset();
        for (int phase = 0; phase < phases(shape); phase++) {
            List<Tap> some = tapsOfPhase(shape, phase);
            if (some.isEmpty()) {
                give(g, d, phase, null, sourceGradient);
                continue;
            }
            List<Long> places = new ArrayList<>();
            for (Tap tap : some) {
                long back = (long) (reach - tap.dy / stride) * d.pitch();
                places.add(d.bytesTo(back + reach - tap.dx / stride));
            }
            TilePanels ofPhase = inputs(some.size());
            long result = d.offset() + d.bytes();
            Matrix dX = product(lane, d, places, ofPhase, panels, result, in);
            give(g, d, phase, dX, sourceGradient);
            panels += ofPhase.bytes();
        }
    }

    /** The gradient of the output that a group's rows are reached by, with zeros around it. */
    private PhasedImages surrounded(int lane, ImageGroup g, Matrix outputGradient) {
        PhasedImages d =
                PhasedImages.of(
                        arena.scratchOffset(lane) + sums(), g, gradientPitch(shape), reach, 1, out);
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
            long pairs =
                    transposed + Scratch.rounded(row * PhasedImages.padded(s.outputChannels()));
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
                sourceGroup(images),
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
                        PhasedImages.padded(p.pixels() + 1),
                        in,
                        at.row,
                        (long) Float.BYTES * in,
                        Storage.FLOAT32,
                        true,
                        GradientMemory.panels(p, shape).panelBytes(),
                        List.of(0L),
                        true);
        for (int tap = 0; tap < taps; tap++) {
            long pixels = pixelsTo(p, tap);
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
        TilePanels panels = new TilePanels(1, out);
        if (part >= panels.count()) {
            return;
        }
        int first = panels.firstColumn(part);
        int count = panels.columns(part) * in;
        for (int tap = 0; tap < taps; tap++) {
            arena.total(sums.columns((tap * out + first) * in, count));
        }
        for (int o = first; o < first + panels.columns(part); o++) {
            Matrix ofOutput =
                    new Matrix(
                            sums.offset() + (long) Float.BYTES * o * in,
                            taps,
                            in,
                            out * in,
                            DataType.FLOAT32);
            Matrix to =
                    Matrix.dense(gradient.offset() + (long) Float.BYTES * o * in * taps, in, taps);
            products.packing().addTransposed(ofOutput, arena.scratchOffset(lane), to);
        }
    }

    @Override
    public void close() {
        // The products are the arena's.
    }
}
