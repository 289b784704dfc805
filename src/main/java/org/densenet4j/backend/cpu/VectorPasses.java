package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.F2D;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.IS_NAN;

import static java.nio.ByteOrder.nativeOrder;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;

/**
 * The passes over activations on the Vector API, for one storage type of activations.
 *
 * <p>Memory is read in the order it lies in: a pass goes row by row, or, where it takes sums, by
 * tiles of {@link #TILE} rows whose sums stay in registers while a block of channels goes through
 * them. Whole vectors are not masked, because a mask costs more than the arithmetic; channels that
 * do not fill one are a masked rest, or, where little depends on it, plain loops.
 *
 * <p>The storage type is a constant of the class, so that no loop asks for it; see {@link
 * StorageCopy}.
 */
class VectorPasses extends ScalarKernels {
    private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
    private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
    private static final int BYTES = STORAGE.bytes();

    private static final VectorSpecies<Float> SPECIES = StoredVector.SPECIES;
    private static final int LANES = SPECIES.length();
    private static final VectorSpecies<Double> DOUBLES =
            VectorSpecies.of(double.class, SPECIES.vectorShape());
    private static final ByteOrder ORDER = nativeOrder();

    /** Rows whose parameters and sums are loaded once; a tile of a row's block is in the cache. */
    private static final int TILE = 32;

    /** Up to this many channels a row is too short a loop, and lies in the cache anyway. */
    private static final int NARROW = 64;

    /** The copy of this class for bfloat16; only that one is made when it is asked for. */
    private static final class OfBFloat16 {
        static final MethodHandle CONSTRUCTOR =
                StorageCopy.constructor(VectorPasses.class, DataType.BFLOAT16, ScalarKernels.class);

        private OfBFloat16() {}
    }

    VectorPasses(MemorySegment memory) {
        super(memory, VectorPools.of(STORAGE, memory));
    }

    /** The same passes over activations in bfloat16. */
    static ScalarKernels ofBFloat16(MemorySegment memory) {
        try {
            return (ScalarKernels) OfBFloat16.CONSTRUCTOR.invokeExact(memory);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Width of the vectors in use, in bits. */
    static int vectorBits() {
        return SPECIES.vectorBitSize();
    }

    // ---------------------------------------------------------------- vectors in memory

    private FloatVector load(long at) {
        return StoredVector.load(FLOATS, memory, at);
    }

    private FloatVector load(long at, VectorMask<Float> mask) {
        return StoredVector.load(FLOATS, memory, at, mask);
    }

    private void store(FloatVector v, long at) {
        StoredVector.store(FLOATS, v, memory, at);
    }

    private void store(FloatVector v, long at, VectorMask<Float> mask) {
        StoredVector.store(FLOATS, v, memory, at, mask);
    }

    /** Per-channel values, always float32. */
    private FloatVector floats(Matrix values, int row, int c) {
        return FloatVector.fromMemorySegment(SPECIES, memory, values.at(row, c), ORDER);
    }

    private FloatVector floats(Matrix values, int row, int c, VectorMask<Float> mask) {
        return FloatVector.fromMemorySegment(SPECIES, memory, values.at(row, c), ORDER, mask);
    }

    private void set(Matrix values, int row, int c, FloatVector v) {
        v.intoMemorySegment(memory, values.at(row, c), ORDER);
    }

    private void set(Matrix values, int row, int c, FloatVector v, VectorMask<Float> mask) {
        v.intoMemorySegment(memory, values.at(row, c), ORDER, mask);
    }

    private static FloatVector zero() {
        return FloatVector.zero(SPECIES);
    }

    private static long rowBytes(Matrix x) {
        return (long) x.stride() * BYTES;
    }

    /** Channels in whole vectors. */
    private static int whole(Matrix x) {
        return x.columns() / LANES * LANES;
    }

    private static VectorMask<Float> rest(Matrix x) {
        return SPECIES.indexInRange(whole(x), x.columns());
    }

    private static boolean hasRest(Matrix x) {
        return whole(x) < x.columns();
    }

    private static Matrix rest(Matrix m, Matrix x) {
        return m.columns(whole(x), x.columns() - whole(x));
    }

    // ---------------------------------------------------------------- forward, per chunk

    @Override
    public void squaredNorm(Matrix x, Matrix target) {
        double sum = 0;
        for (int r = 0; r < x.rows(); r++) {
            DoubleVector squares = DoubleVector.zero(DOUBLES);
            int c = 0;
            for (; c < whole(x); c += LANES) {
                FloatVector v = load(x.at(r, c));
                DoubleVector lower = (DoubleVector) v.convertShape(F2D, DOUBLES, 0);
                DoubleVector upper = (DoubleVector) v.convertShape(F2D, DOUBLES, 1);
                squares = lower.fma(lower, upper.fma(upper, squares));
            }
            sum += squares.reduceLanes(ADD);
            for (; c < x.columns(); c++) {
                double value = get(x, r, c);
                sum += value * value;
            }
        }
        set(target, 0, 0, (float) sum);
    }

    @Override
    public void channelStatistics(Matrix x, Matrix partial) {
        fill(partial, 0);
        for (int first = 0; first < x.rows(); first += TILE) {
            int end = Math.min(first + TILE, x.rows());
            for (int c = 0; c < whole(x); c += LANES) {
                addDeviations(x, c, first, end, partial);
            }
            if (hasRest(x)) {
                addDeviationsOfRest(x, first, end, partial);
            }
        }
        for (int c = 0; c < whole(x); c += LANES) {
            FloatVector sum = floats(partial, 0, c);
            FloatVector mean = sum.div(x.rows());
            set(partial, 1, c, floats(partial, 1, c).sub(sum.mul(mean)).max(0f));
            set(partial, 0, c, load(x.at(0, c)).add(mean));
        }
        if (hasRest(x)) {
            int c = whole(x);
            VectorMask<Float> mask = rest(x);
            FloatVector sum = floats(partial, 0, c, mask);
            FloatVector mean = sum.div(x.rows());
            set(partial, 1, c, floats(partial, 1, c, mask).sub(sum.mul(mean)).max(0f), mask);
            set(partial, 0, c, load(x.at(0, c), mask).add(mean), mask);
        }
    }

    /** Sums of deviations from the first row, so that a large mean does not cancel the variance. */
    private void addDeviations(Matrix x, int c, int first, int end, Matrix partial) {
        long row = rowBytes(x);
        long at = x.at(0, c);
        FloatVector shift = load(at);
        FloatVector sum = floats(partial, 0, c);
        FloatVector squares = floats(partial, 1, c);
        for (int r = first; r < end; r++) {
            FloatVector d = load(at + r * row).sub(shift);
            sum = sum.add(d);
            squares = d.fma(d, squares);
        }
        set(partial, 0, c, sum);
        set(partial, 1, c, squares);
    }

    private void addDeviationsOfRest(Matrix x, int first, int end, Matrix partial) {
        VectorMask<Float> mask = rest(x);
        int c = whole(x);
        long row = rowBytes(x);
        long at = x.at(0, c);
        FloatVector shift = load(at, mask);
        FloatVector sum = floats(partial, 0, c, mask);
        FloatVector squares = floats(partial, 1, c, mask);
        for (int r = first; r < end; r++) {
            FloatVector d = load(at + r * row, mask).sub(shift);
            sum = sum.add(d);
            squares = d.fma(d, squares);
        }
        set(partial, 0, c, sum, mask);
        set(partial, 1, c, squares, mask);
    }

    @Override
    public void normaliseRelu(Matrix x, Matrix affine, Matrix out) {
        if (whole(x) <= NARROW) {
            for (int c = 0; c < whole(x); c += LANES) {
                normaliseReluOfColumns(x, affine, out, c);
            }
        } else {
            normaliseReluOfRows(x, affine, out);
        }
        if (hasRest(x)) {
            normaliseReluOfRest(x, affine, out);
        }
    }

    private void normaliseReluOfColumns(Matrix x, Matrix affine, Matrix out, int c) {
        FloatVector scale = floats(affine, 0, c);
        FloatVector shift = floats(affine, 1, c);
        FloatVector zero = zero();
        long from = x.at(0, c);
        long to = out.at(0, c);
        long xRow = rowBytes(x);
        long outRow = rowBytes(out);
        for (int r = 0; r < x.rows(); r++) {
            store(load(from + r * xRow).fma(scale, shift).max(zero), to + r * outRow);
        }
    }

    private void normaliseReluOfRows(Matrix x, Matrix affine, Matrix out) {
        long scales = affine.at(0, 0);
        long shifts = affine.at(1, 0);
        FloatVector zero = zero();
        int whole = whole(x);
        for (int r = 0; r < x.rows(); r++) {
            long from = x.at(r, 0);
            long to = out.at(r, 0);
            for (int c = 0; c < whole; c += LANES) {
                long b = c * 4L;
                FloatVector scale =
                        FloatVector.fromMemorySegment(SPECIES, memory, scales + b, ORDER);
                FloatVector shift =
                        FloatVector.fromMemorySegment(SPECIES, memory, shifts + b, ORDER);
                long i = (long) c * BYTES;
                store(load(from + i).fma(scale, shift).max(zero), to + i);
            }
        }
    }

    private void normaliseReluOfRest(Matrix x, Matrix affine, Matrix out) {
        VectorMask<Float> mask = rest(x);
        int c = whole(x);
        FloatVector scale = floats(affine, 0, c, mask);
        FloatVector shift = floats(affine, 1, c, mask);
        FloatVector zero = zero();
        long from = x.at(0, c);
        long to = out.at(0, c);
        for (int r = 0; r < x.rows(); r++) {
            FloatVector v = load(from + r * rowBytes(x), mask);
            store(v.fma(scale, shift).max(zero), to + r * rowBytes(out), mask);
        }
    }

    @Override
    public void appendFeatures(
            Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial) {
        copyRows(y, columns);
        drop(columns, firstRow, dropout);
        channelStatistics(columns, partial);
    }

    private void copyRows(Matrix source, Matrix target) {
        int whole = whole(source);
        for (int r = 0; r < source.rows(); r++) {
            long from = source.at(r, 0);
            long to = target.at(r, 0);
            for (int c = 0; c < whole; c += LANES) {
                long i = (long) c * BYTES;
                store(load(from + i), to + i);
            }
        }
        if (hasRest(source)) {
            VectorMask<Float> mask = rest(source);
            long from = source.at(0, whole);
            long to = target.at(0, whole);
            for (int r = 0; r < source.rows(); r++) {
                store(load(from + r * rowBytes(source), mask), to + r * rowBytes(target), mask);
            }
        }
    }

    @Override
    public void normaliseReluAveragePool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        int outWidth = width / 2;
        int outRows = height / 2;
        long row = rowBytes(x);
        FloatVector zero = zero();
        for (int line = 0; line < images * outRows; line++) {
            int top = (line / outRows * height + 2 * (line % outRows)) * width;
            for (int c = 0; c < whole(x); c += LANES) {
                FloatVector scale = floats(affine, 0, c);
                FloatVector shift = floats(affine, 1, c);
                long upper = x.at(top, c);
                long lower = upper + width * row;
                long to = out.at(line * outWidth, c);
                for (int w = 0; w < outWidth; w++) {
                    long left = 2L * w * row;
                    long right = left + row;
                    FloatVector a = load(upper + left).fma(scale, shift).max(zero);
                    FloatVector b = load(upper + right).fma(scale, shift).max(zero);
                    FloatVector d = load(lower + left).fma(scale, shift).max(zero);
                    FloatVector e = load(lower + right).fma(scale, shift).max(zero);
                    store(a.add(b).add(d.add(e)).mul(0.25f), to + w * rowBytes(out));
                }
            }
        }
        if (hasRest(x)) {
            super.normaliseReluAveragePool(
                    rest(x, x), images, height, width, rest(affine, x), rest(out, x));
        }
    }

    @Override
    public void normaliseReluMaxPool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        int outHeight = (height + 1) / 2;
        int outWidth = (width + 1) / 2;
        for (int line = 0; line < images * outHeight; line++) {
            int h = line % outHeight;
            int image = line / outHeight * height;
            int top = Math.max(0, 2 * h - 1);
            int bottom = Math.min(height, 2 * h + 2);
            for (int c = 0; c < whole(x); c += LANES) {
                FloatVector scale = floats(affine, 0, c);
                FloatVector shift = floats(affine, 1, c);
                long to = out.at(line * outWidth, c);
                for (int w = 0; w < outWidth; w++) {
                    int left = Math.max(0, 2 * w - 1);
                    int right = Math.min(width, 2 * w + 2);
                    FloatVector best = zero();
                    for (int y = top; y < bottom; y++) {
                        long at = x.at((image + y) * width, c);
                        for (int z = left; z < right; z++) {
                            best = best.max(load(at + z * rowBytes(x)).fma(scale, shift));
                        }
                    }
                    store(best, to + w * rowBytes(out));
                }
            }
        }
        if (hasRest(x)) {
            super.normaliseReluMaxPool(
                    rest(x, x), images, height, width, rest(affine, x), rest(out, x));
        }
    }

    @Override
    public void normaliseReluGlobalPool(
            Matrix x, int images, int pixels, Matrix affine, Matrix out) {
        FloatVector zero = zero();
        for (int i = 0; i < images; i++) {
            for (int c = 0; c < whole(x); c += LANES) {
                FloatVector scale = floats(affine, 0, c);
                FloatVector shift = floats(affine, 1, c);
                long from = x.at(i * pixels, c);
                FloatVector sum = zero;
                for (int p = 0; p < pixels; p++) {
                    sum = sum.add(load(from + p * rowBytes(x)).fma(scale, shift).max(zero));
                }
                set(out, i, c, sum.div(pixels));
            }
        }
        if (hasRest(x)) {
            super.normaliseReluGlobalPool(
                    rest(x, x), images, pixels, rest(affine, x), rest(out, x));
        }
    }

    // ---------------------------------------------------------------- backward, per chunk

    @Override
    public void maskRelu(
            Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial) {
        fill(partial, 0);
        for (int first = 0; first < x.rows(); first += TILE) {
            int end = Math.min(first + TILE, x.rows());
            for (int c = 0; c < whole(x); c += LANES) {
                maskTile(gradient, x, affine, statistics, partial, c, first, end);
            }
            if (hasRest(x)) {
                maskRest(gradient, x, affine, statistics, partial, first, end);
            }
        }
    }

    private void maskTile(
            Matrix gradient,
            Matrix x,
            Matrix affine,
            Matrix statistics,
            Matrix partial,
            int c,
            int first,
            int end) {
        FloatVector zero = zero();
        FloatVector scale = floats(affine, 0, c);
        FloatVector shift = floats(affine, 1, c);
        FloatVector mean = floats(statistics, 0, c);
        FloatVector sum = floats(partial, 0, c);
        FloatVector products = floats(partial, 1, c);
        long xs = x.at(0, c);
        long gs = gradient.at(0, c);
        long xRow = rowBytes(x);
        long gRow = rowBytes(gradient);
        for (int r = first; r < end; r++) {
            FloatVector v = load(xs + r * xRow);
            FloatVector g = load(gs + r * gRow);
            g = zero.blend(g, v.fma(scale, shift).compare(GT, 0f));
            store(g, gs + r * gRow);
            sum = sum.add(g);
            products = g.fma(v.sub(mean), products);
        }
        set(partial, 0, c, sum);
        set(partial, 1, c, products);
    }

    private void maskRest(
            Matrix gradient,
            Matrix x,
            Matrix affine,
            Matrix statistics,
            Matrix partial,
            int first,
            int end) {
        VectorMask<Float> mask = rest(x);
        int c = whole(x);
        FloatVector zero = zero();
        FloatVector scale = floats(affine, 0, c, mask);
        FloatVector shift = floats(affine, 1, c, mask);
        FloatVector mean = floats(statistics, 0, c, mask);
        FloatVector sum = floats(partial, 0, c, mask);
        FloatVector products = floats(partial, 1, c, mask);
        long xs = x.at(0, c);
        long gs = gradient.at(0, c);
        long xRow = rowBytes(x);
        long gRow = rowBytes(gradient);
        for (int r = first; r < end; r++) {
            FloatVector v = load(xs + r * xRow, mask);
            FloatVector g = load(gs + r * gRow, mask);
            g = zero.blend(g, v.fma(scale, shift).compare(GT, 0f));
            store(g, gs + r * gRow, mask);
            sum = sum.add(g);
            products = g.fma(v.sub(mean), products);
        }
        set(partial, 0, c, sum, mask);
        set(partial, 1, c, products, mask);
    }

    @Override
    public void applyCorrection(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            boolean add,
            Matrix out) {
        for (int first = 0; first < x.rows(); first += TILE) {
            int end = Math.min(first + TILE, x.rows());
            for (int c = 0; c < whole(x); c += LANES) {
                if (add) {
                    addCorrected(gradient, x, correction, statistics, out, c, first, end);
                } else {
                    correct(gradient, x, correction, statistics, out, c, first, end);
                }
            }
            if (hasRest(x)) {
                correctRest(gradient, x, correction, statistics, add, out, first, end);
            }
        }
    }

    private void correct(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            Matrix out,
            int c,
            int first,
            int end) {
        FloatVector a = floats(correction, 0, c);
        FloatVector b = floats(correction, 1, c);
        FloatVector d = floats(correction, 2, c);
        FloatVector mean = floats(statistics, 0, c);
        long xs = x.at(0, c);
        long gs = gradient.at(0, c);
        long to = out.at(0, c);
        for (int r = first; r < end; r++) {
            FloatVector deviation = load(xs + r * rowBytes(x)).sub(mean);
            FloatVector g = load(gs + r * rowBytes(gradient));
            store(g.fma(a, deviation.fma(d, b)), to + r * rowBytes(out));
        }
    }

    private void addCorrected(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            Matrix out,
            int c,
            int first,
            int end) {
        FloatVector a = floats(correction, 0, c);
        FloatVector b = floats(correction, 1, c);
        FloatVector d = floats(correction, 2, c);
        FloatVector mean = floats(statistics, 0, c);
        long xs = x.at(0, c);
        long gs = gradient.at(0, c);
        long to = out.at(0, c);
        for (int r = first; r < end; r++) {
            FloatVector deviation = load(xs + r * rowBytes(x)).sub(mean);
            FloatVector g = load(gs + r * rowBytes(gradient));
            long target = to + r * rowBytes(out);
            store(g.fma(a, deviation.fma(d, b)).add(load(target)), target);
        }
    }

    private void correctRest(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            boolean add,
            Matrix out,
            int first,
            int end) {
        VectorMask<Float> mask = rest(x);
        int c = whole(x);
        FloatVector a = floats(correction, 0, c, mask);
        FloatVector b = floats(correction, 1, c, mask);
        FloatVector d = floats(correction, 2, c, mask);
        FloatVector mean = floats(statistics, 0, c, mask);
        long xs = x.at(0, c);
        long gs = gradient.at(0, c);
        long to = out.at(0, c);
        for (int r = first; r < end; r++) {
            FloatVector deviation = load(xs + r * rowBytes(x), mask).sub(mean);
            FloatVector g = load(gs + r * rowBytes(gradient), mask);
            FloatVector value = g.fma(a, deviation.fma(d, b));
            long target = to + r * rowBytes(out);
            if (add) {
                value = value.add(load(target, mask));
            }
            store(value, target, mask);
        }
    }

    @Override
    public void accumulateGradient(
            Matrix gradient,
            Matrix x,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        if (!add) {
            fill(blockGradient, 0);
        }
        fill(partial, 0);
        Accumulation a =
                new Accumulation(gradient, x, affine, statistics, weight, blockGradient, partial);
        for (int first = 0; first < x.rows(); first += TILE) {
            int end = Math.min(first + TILE, x.rows());
            for (int c = 0; c < whole(x); c += LANES) {
                accumulateTile(a, c, first, end);
            }
            if (hasRest(x)) {
                accumulateRest(a, first, end);
            }
        }
    }

    private void accumulateTile(Accumulation a, int c, int first, int end) {
        FloatVector zero = zero();
        FloatVector scale = floats(a.affine(), 0, c);
        FloatVector shift = floats(a.affine(), 1, c);
        FloatVector mean = floats(a.statistics(), 0, c);
        FloatVector weight = floats(a.weight(), 0, c);
        FloatVector sum = floats(a.partial(), 0, c);
        FloatVector products = floats(a.partial(), 1, c);
        long xs = a.x().at(0, c);
        long ds = a.gradient().at(0, c);
        long gs = a.blockGradient().at(0, c);
        long xRow = rowBytes(a.x());
        long dRow = rowBytes(a.gradient());
        long gRow = rowBytes(a.blockGradient());
        for (int r = first; r < end; r++) {
            FloatVector v = load(xs + r * xRow);
            FloatVector d = load(ds + r * dRow);
            d = zero.blend(d, v.fma(scale, shift).compare(GT, 0f));
            sum = sum.add(d);
            products = d.fma(v.sub(mean), products);
            long g = gs + r * gRow;
            store(d.fma(weight, load(g)), g);
        }
        set(a.partial(), 0, c, sum);
        set(a.partial(), 1, c, products);
    }

    private void accumulateRest(Accumulation a, int first, int end) {
        VectorMask<Float> mask = rest(a.x());
        int c = whole(a.x());
        FloatVector zero = zero();
        FloatVector scale = floats(a.affine(), 0, c, mask);
        FloatVector shift = floats(a.affine(), 1, c, mask);
        FloatVector mean = floats(a.statistics(), 0, c, mask);
        FloatVector weight = floats(a.weight(), 0, c, mask);
        FloatVector sum = floats(a.partial(), 0, c, mask);
        FloatVector products = floats(a.partial(), 1, c, mask);
        long xs = a.x().at(0, c);
        long ds = a.gradient().at(0, c);
        long gs = a.blockGradient().at(0, c);
        long xRow = rowBytes(a.x());
        long dRow = rowBytes(a.gradient());
        long gRow = rowBytes(a.blockGradient());
        for (int r = first; r < end; r++) {
            FloatVector v = load(xs + r * xRow, mask);
            FloatVector d = load(ds + r * dRow, mask);
            d = zero.blend(d, v.fma(scale, shift).compare(GT, 0f));
            sum = sum.add(d);
            products = d.fma(v.sub(mean), products);
            long g = gs + r * gRow;
            store(d.fma(weight, load(g, mask)), g, mask);
        }
        set(a.partial(), 0, c, sum, mask);
        set(a.partial(), 1, c, products, mask);
    }

    @Override
    public void accumulateGradientAveragePool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        fill(partial, 0);
        Accumulation a =
                new Accumulation(
                        pooledGradient, x, affine, statistics, weight, blockGradient, partial);
        int outHeight = height / 2;
        for (int line = 0; line < images * height; line++) {
            int h = line % height / 2;
            int pooled = (line / height * outHeight + h) * (width / 2);
            for (int c = 0; c < whole(x); c += LANES) {
                if (h < outHeight) {
                    accumulatePooledLine(a, add, c, line * width, width, pooled);
                } else if (!add) {
                    fill(blockGradient.rows(line * width, width).columns(c, LANES), 0);
                }
            }
        }
        if (hasRest(x)) {
            super.accumulateGradientAveragePool(
                    rest(pooledGradient, x),
                    rest(x, x),
                    images,
                    height,
                    width,
                    rest(affine, x),
                    rest(statistics, x),
                    rest(weight, x),
                    add,
                    rest(blockGradient, x),
                    rest(partial, x));
        }
    }

    /** A line of pixels, two of which share one pooled gradient; an odd last one has none. */
    private void accumulatePooledLine(
            Accumulation a, boolean add, int c, int first, int width, int pooled) {
        FloatVector zero = zero();
        FloatVector scale = floats(a.affine(), 0, c);
        FloatVector shift = floats(a.affine(), 1, c);
        FloatVector mean = floats(a.statistics(), 0, c);
        FloatVector weight = floats(a.weight(), 0, c);
        FloatVector sum = floats(a.partial(), 0, c);
        FloatVector products = floats(a.partial(), 1, c);
        for (int w = 0; w + 1 < width; w += 2) {
            FloatVector d = load(a.gradient().at(pooled + w / 2, c)).mul(0.25f);
            for (int p = first + w; p < first + w + 2; p++) {
                FloatVector v = load(a.x().at(p, c));
                FloatVector g = zero.blend(d, v.fma(scale, shift).compare(GT, 0f));
                sum = sum.add(g);
                products = g.fma(v.sub(mean), products);
                long at = a.blockGradient().at(p, c);
                if (add) {
                    store(g.fma(weight, load(at)), at);
                } else {
                    store(g.mul(weight), at);
                }
            }
        }
        if (width % 2 == 1 && !add) {
            store(zero, a.blockGradient().at(first + width - 1, c));
        }
        set(a.partial(), 0, c, sum);
        set(a.partial(), 1, c, products);
    }

    @Override
    public void accumulateGradientGlobalPool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int pixels,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        fill(partial, 0);
        FloatVector zero = zero();
        for (int i = 0; i < images; i++) {
            for (int c = 0; c < whole(x); c += LANES) {
                FloatVector scale = floats(affine, 0, c);
                FloatVector shift = floats(affine, 1, c);
                FloatVector mean = floats(statistics, 0, c);
                FloatVector factor = floats(weight, 0, c);
                FloatVector sum = floats(partial, 0, c);
                FloatVector products = floats(partial, 1, c);
                FloatVector pooled = floats(pooledGradient, i, c).div(pixels);
                for (int p = i * pixels; p < (i + 1) * pixels; p++) {
                    FloatVector v = load(x.at(p, c));
                    FloatVector d = zero.blend(pooled, v.fma(scale, shift).compare(GT, 0f));
                    sum = sum.add(d);
                    products = d.fma(v.sub(mean), products);
                    long at = blockGradient.at(p, c);
                    if (add) {
                        store(d.fma(factor, load(at)), at);
                    } else {
                        store(d.mul(factor), at);
                    }
                }
                set(partial, 0, c, sum);
                set(partial, 1, c, products);
            }
        }
        if (hasRest(x)) {
            super.accumulateGradientGlobalPool(
                    rest(pooledGradient, x),
                    rest(x, x),
                    images,
                    pixels,
                    rest(affine, x),
                    rest(statistics, x),
                    rest(weight, x),
                    add,
                    rest(blockGradient, x),
                    rest(partial, x));
        }
    }

    @Override
    public void maxPoolBackward(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix out) {
        fill(out, 0);
        int outHeight = (height + 1) / 2;
        int outWidth = (width + 1) / 2;
        for (int line = 0; line < images * outHeight; line++) {
            int h = line % outHeight;
            int top = Math.max(0, 2 * h - 1);
            int lines = Math.min(height, 2 * h + 2) - top;
            int above = (line / outHeight * height + top) * width;
            for (int c = 0; c < whole(x); c += LANES) {
                for (int w = 0; w < outWidth; w++) {
                    int left = Math.max(0, 2 * w - 1);
                    int columns = Math.min(width, 2 * w + 2) - left;
                    giveToMaximum(
                            x.at(above + left, c),
                            rowBytes(x),
                            out.at(above + left, c),
                            rowBytes(out),
                            lines,
                            columns,
                            width,
                            affine.at(0, c),
                            affine.at(1, c),
                            pooledGradient.at(line * outWidth + w, c));
                }
            }
        }
        if (hasRest(x)) {
            super.maxPoolBackward(
                    rest(pooledGradient, x),
                    rest(x, x),
                    images,
                    height,
                    width,
                    rest(affine, x),
                    rest(out, x));
        }
    }

    /**
     * Adds a pooled gradient to the first tap that reaches the maximum. Negative maxima are cut off
     * by the ReLU behind, so zero is the start. Addresses, not vectors, are handed over: a vector
     * that is an argument of a method which is not inlined goes through the heap.
     */
    private void giveToMaximum(
            long x,
            long xRow,
            long out,
            long outRow,
            int lines,
            int columns,
            int width,
            long scales,
            long shifts,
            long gradient) {
        FloatVector scale = StoredVector.load(true, memory, scales);
        FloatVector shift = StoredVector.load(true, memory, shifts);
        FloatVector zero = zero();
        FloatVector best = zero;
        for (int y = 0; y < lines; y++) {
            for (int z = 0; z < columns; z++) {
                best = best.max(load(x + (y * width + z) * xRow).fma(scale, shift));
            }
        }
        FloatVector rest = zero.blend(load(gradient), best.compare(GT, 0f));
        for (int y = 0; y < lines; y++) {
            for (int z = 0; z < columns; z++) {
                FloatVector v = load(x + (y * width + z) * xRow).fma(scale, shift);
                VectorMask<Float> hit = v.eq(best);
                long at = out + (y * width + z) * outRow;
                store(load(at).add(zero.blend(rest, hit)), at);
                rest = rest.blend(zero, hit);
            }
        }
    }

    // ---------------------------------------------------------------- parameters and copies

    @Override
    public void sgd(
            Matrix parameters,
            Matrix gradients,
            Matrix velocity,
            float rate,
            float momentum,
            boolean nesterov,
            float decay,
            float gradientScale) {
        FloatVector decays = FloatVector.broadcast(SPECIES, decay);
        FloatVector momenta = FloatVector.broadcast(SPECIES, momentum);
        FloatVector rates = FloatVector.broadcast(SPECIES, -rate);
        for (int r = 0; r < parameters.rows(); r++) {
            for (int c = 0; c < whole(parameters); c += LANES) {
                FloatVector p = floats(parameters, r, c);
                FloatVector g = p.fma(decays, floats(gradients, r, c).mul(gradientScale));
                FloatVector v = floats(velocity, r, c).fma(momenta, g);
                set(velocity, r, c, v);
                FloatVector step = nesterov ? v.fma(momenta, g) : v;
                set(parameters, r, c, step.fma(rates, p));
            }
        }
        if (hasRest(parameters)) {
            super.sgd(
                    rest(parameters, parameters),
                    rest(gradients, parameters),
                    rest(velocity, parameters),
                    rate,
                    momentum,
                    nesterov,
                    decay,
                    gradientScale);
        }
    }

    /** Between float32 and this class's storage type, or within it. */
    @Override
    void convert(Matrix source, Matrix target) {
        int whole = whole(source);
        boolean widening = target.type() == DataType.FLOAT32;
        for (int r = 0; r < source.rows(); r++) {
            long from = source.at(r, 0);
            long to = target.at(r, 0);
            for (int c = 0; c < whole; c += LANES) {
                if (widening) {
                    set(target, r, c, load(from + (long) c * BYTES));
                } else {
                    // Values from outside may be NaNs whose payload would carry over to zero.
                    FloatVector v = floats(source, r, c);
                    v = v.blend(Float.NaN, v.test(IS_NAN));
                    store(v, to + (long) c * BYTES);
                }
            }
        }
        if (hasRest(source)) {
            super.convert(rest(source, source), rest(target, source));
        }
    }
}
