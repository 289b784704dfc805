package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.GT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;

/**
 * The kernels on the Vector API.
 *
 * <p>A pass walks a chunk one block of channels at a time, rows innermost: scale, shift and sums
 * stay in registers, and every reduction sums its rows in order. Channel counts need not fit the
 * vector width; the last block is masked.
 */
final class VectorKernels extends ScalarKernels {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    private static final long STEP = LANES * 4L;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    VectorKernels(MemorySegment memory) {
        super(memory);
    }

    /** Width of the vectors in use, in bits. */
    static int vectorBits() {
        return SPECIES.vectorBitSize();
    }

    private FloatVector load(long offset) {
        return FloatVector.fromMemorySegment(SPECIES, memory, offset, ORDER);
    }

    private FloatVector load(long offset, VectorMask<Float> mask) {
        return FloatVector.fromMemorySegment(SPECIES, memory, offset, ORDER, mask);
    }

    private void store(FloatVector value, long offset) {
        value.intoMemorySegment(memory, offset, ORDER);
    }

    private void store(FloatVector value, long offset, VectorMask<Float> mask) {
        value.intoMemorySegment(memory, offset, ORDER, mask);
    }

    private static VectorMask<Float> block(int c, int columns) {
        return SPECIES.indexInRange(c, columns);
    }

    private static FloatVector zero() {
        return FloatVector.zero(SPECIES);
    }

    private static long rowBytes(Matrix x) {
        return x.stride() * 4L;
    }

    // ---------------------------------------------------------------- forward, per chunk

    @Override
    public void channelStatistics(Matrix x, Matrix partial) {
        int rows = x.rows();
        long rowBytes = rowBytes(x);
        for (int c = 0; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            long at = x.at(0, c);
            FloatVector shift = load(at, mask);
            FloatVector sum = zero();
            FloatVector squares = zero();
            for (int r = 0; r < rows; r++) {
                FloatVector d = load(at + r * rowBytes, mask).sub(shift);
                sum = sum.add(d);
                squares = d.fma(d, squares);
            }
            finishPartial(partial, c, mask, shift, sum, squares, rows);
        }
    }

    private void finishPartial(
            Matrix partial,
            int c,
            VectorMask<Float> mask,
            FloatVector shift,
            FloatVector sum,
            FloatVector squares,
            int rows) {
        FloatVector mean = sum.div(rows);
        store(shift.add(mean), partial.at(0, c), mask);
        store(squares.sub(sum.mul(mean)).max(0f), partial.at(1, c), mask);
    }

    @Override
    public void normaliseRelu(Matrix x, Matrix affine, Matrix out) {
        int rows = x.rows();
        long xBytes = rowBytes(x);
        long outBytes = rowBytes(out);
        FloatVector zero = zero();
        int c = 0;
        for (; c + 4 * LANES <= x.columns(); c += 4 * LANES) {
            long scale = affine.at(0, c);
            long shift = affine.at(1, c);
            FloatVector s0 = load(scale);
            FloatVector s1 = load(scale + STEP);
            FloatVector s2 = load(scale + 2 * STEP);
            FloatVector s3 = load(scale + 3 * STEP);
            FloatVector h0 = load(shift);
            FloatVector h1 = load(shift + STEP);
            FloatVector h2 = load(shift + 2 * STEP);
            FloatVector h3 = load(shift + 3 * STEP);
            long from = x.at(0, c);
            long to = out.at(0, c);
            for (int r = 0; r < rows; r++) {
                long source = from + r * xBytes;
                long target = to + r * outBytes;
                store(load(source).fma(s0, h0).max(zero), target);
                store(load(source + STEP).fma(s1, h1).max(zero), target + STEP);
                store(load(source + 2 * STEP).fma(s2, h2).max(zero), target + 2 * STEP);
                store(load(source + 3 * STEP).fma(s3, h3).max(zero), target + 3 * STEP);
            }
        }
        for (; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector scale = load(affine.at(0, c), mask);
            FloatVector shift = load(affine.at(1, c), mask);
            long from = x.at(0, c);
            long to = out.at(0, c);
            for (int r = 0; r < rows; r++) {
                FloatVector v = load(from + r * xBytes, mask);
                store(v.fma(scale, shift).max(zero), to + r * outBytes, mask);
            }
        }
    }

    @Override
    public void appendFeatures(
            Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial) {
        if (dropout.active()) {
            super.appendFeatures(y, columns, firstRow, dropout, partial);
            return;
        }
        int rows = y.rows();
        long yBytes = rowBytes(y);
        long toBytes = rowBytes(columns);
        for (int c = 0; c < y.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, y.columns());
            long from = y.at(0, c);
            long to = columns.at(0, c);
            FloatVector shift = load(from, mask);
            FloatVector sum = zero();
            FloatVector squares = zero();
            for (int r = 0; r < rows; r++) {
                FloatVector v = load(from + r * yBytes, mask);
                store(v, to + r * toBytes, mask);
                FloatVector d = v.sub(shift);
                sum = sum.add(d);
                squares = d.fma(d, squares);
            }
            finishPartial(partial, c, mask, shift, sum, squares, rows);
        }
    }

    @Override
    public void normaliseReluAveragePool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        int outHeight = height / 2;
        int outWidth = width / 2;
        long xBytes = rowBytes(x);
        long outBytes = rowBytes(out);
        FloatVector zero = zero();
        for (int c = 0; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector s = load(affine.at(0, c), mask);
            FloatVector t = load(affine.at(1, c), mask);
            for (int i = 0; i < images; i++) {
                for (int h = 0; h < outHeight; h++) {
                    long upper = x.at((i * height + 2 * h) * width, c);
                    long lower = upper + width * xBytes;
                    long to = out.at((i * outHeight + h) * outWidth, c);
                    for (int w = 0; w < outWidth; w++) {
                        long left = 2L * w * xBytes;
                        long right = left + xBytes;
                        FloatVector a = load(upper + left, mask).fma(s, t).max(zero);
                        FloatVector b = load(upper + right, mask).fma(s, t).max(zero);
                        FloatVector d = load(lower + left, mask).fma(s, t).max(zero);
                        FloatVector e = load(lower + right, mask).fma(s, t).max(zero);
                        store(a.add(b).add(d.add(e)).mul(0.25f), to + w * outBytes, mask);
                    }
                }
            }
        }
    }

    @Override
    public void normaliseReluMaxPool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        int outHeight = (height + 1) / 2;
        int outWidth = (width + 1) / 2;
        long xBytes = rowBytes(x);
        for (int c = 0; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector s = load(affine.at(0, c), mask);
            FloatVector t = load(affine.at(1, c), mask);
            for (int i = 0; i < images; i++) {
                for (int h = 0; h < outHeight; h++) {
                    int top = Math.max(0, 2 * h - 1);
                    int bottom = Math.min(height, 2 * h + 2);
                    for (int w = 0; w < outWidth; w++) {
                        int left = Math.max(0, 2 * w - 1);
                        int right = Math.min(width, 2 * w + 2);
                        FloatVector best = zero();
                        for (int y = top; y < bottom; y++) {
                            long row = x.at((i * height + y) * width, c);
                            for (int z = left; z < right; z++) {
                                best = best.max(load(row + z * xBytes, mask).fma(s, t));
                            }
                        }
                        store(best, out.at((i * outHeight + h) * outWidth + w, c), mask);
                    }
                }
            }
        }
    }

    @Override
    public void normaliseReluGlobalPool(
            Matrix x, int images, int pixels, Matrix affine, Matrix out) {
        long xBytes = rowBytes(x);
        FloatVector zero = zero();
        for (int c = 0; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector s = load(affine.at(0, c), mask);
            FloatVector t = load(affine.at(1, c), mask);
            for (int i = 0; i < images; i++) {
                long from = x.at(i * pixels, c);
                FloatVector sum = zero();
                for (int p = 0; p < pixels; p++) {
                    sum = sum.add(load(from + p * xBytes, mask).fma(s, t).max(zero));
                }
                store(sum.div(pixels), out.at(i, c), mask);
            }
        }
    }

    // ---------------------------------------------------------------- backward, per chunk

    @Override
    public void maskRelu(
            Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial) {
        int rows = x.rows();
        long xBytes = rowBytes(x);
        long gBytes = rowBytes(gradient);
        FloatVector zero = zero();
        for (int c = 0; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector s = load(affine.at(0, c), mask);
            FloatVector t = load(affine.at(1, c), mask);
            FloatVector mean = load(statistics.at(0, c), mask);
            FloatVector sum = zero();
            FloatVector products = zero();
            long xs = x.at(0, c);
            long gs = gradient.at(0, c);
            for (int r = 0; r < rows; r++) {
                FloatVector v = load(xs + r * xBytes, mask);
                FloatVector g = load(gs + r * gBytes, mask);
                g = zero.blend(g, v.fma(s, t).compare(GT, 0f));
                store(g, gs + r * gBytes, mask);
                sum = sum.add(g);
                products = g.fma(v.sub(mean), products);
            }
            store(sum, partial.at(0, c), mask);
            store(products, partial.at(1, c), mask);
        }
    }

    @Override
    public void applyCorrection(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            boolean add,
            Matrix out) {
        int rows = x.rows();
        long xBytes = rowBytes(x);
        long gBytes = rowBytes(gradient);
        long outBytes = rowBytes(out);
        for (int c = 0; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector a = load(correction.at(0, c), mask);
            FloatVector b = load(correction.at(1, c), mask);
            FloatVector d = load(correction.at(2, c), mask);
            FloatVector mean = load(statistics.at(0, c), mask);
            long xs = x.at(0, c);
            long gs = gradient.at(0, c);
            long to = out.at(0, c);
            for (int r = 0; r < rows; r++) {
                FloatVector deviation = load(xs + r * xBytes, mask).sub(mean);
                FloatVector value = load(gs + r * gBytes, mask).fma(a, deviation.fma(d, b));
                if (add) {
                    value = value.add(load(to + r * outBytes, mask));
                }
                store(value, to + r * outBytes, mask);
            }
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
        int c = 0;
        if (add) {
            for (; c + 2 * LANES <= x.columns(); c += 2 * LANES) {
                addGradientOfTwo(
                        c, gradient, x, affine, statistics, weight, blockGradient, partial);
            }
        }
        int rows = x.rows();
        long xBytes = rowBytes(x);
        long dBytes = rowBytes(gradient);
        long gBytes = rowBytes(blockGradient);
        FloatVector zero = zero();
        for (; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector s = load(affine.at(0, c), mask);
            FloatVector t = load(affine.at(1, c), mask);
            FloatVector mean = load(statistics.at(0, c), mask);
            FloatVector w = load(weight.at(0, c), mask);
            FloatVector sum = zero();
            FloatVector products = zero();
            long xs = x.at(0, c);
            long ds = gradient.at(0, c);
            long gs = blockGradient.at(0, c);
            for (int r = 0; r < rows; r++) {
                FloatVector v = load(xs + r * xBytes, mask);
                FloatVector d = load(ds + r * dBytes, mask);
                d = zero.blend(d, v.fma(s, t).compare(GT, 0f));
                sum = sum.add(d);
                products = d.fma(v.sub(mean), products);
                FloatVector old = add ? load(gs + r * gBytes, mask) : zero;
                store(d.fma(w, old), gs + r * gBytes, mask);
            }
            store(sum, partial.at(0, c), mask);
            store(products, partial.at(1, c), mask);
        }
    }

    /**
     * Two blocks of channels at once: the pass is bound by memory and wants more loads in flight.
     */
    private void addGradientOfTwo(
            int c,
            Matrix gradient,
            Matrix x,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            Matrix blockGradient,
            Matrix partial) {
        int rows = x.rows();
        long xBytes = rowBytes(x);
        long dBytes = rowBytes(gradient);
        long gBytes = rowBytes(blockGradient);
        FloatVector zero = zero();
        FloatVector s0 = load(affine.at(0, c));
        FloatVector s1 = load(affine.at(0, c) + STEP);
        FloatVector t0 = load(affine.at(1, c));
        FloatVector t1 = load(affine.at(1, c) + STEP);
        FloatVector mean0 = load(statistics.at(0, c));
        FloatVector mean1 = load(statistics.at(0, c) + STEP);
        FloatVector w0 = load(weight.at(0, c));
        FloatVector w1 = load(weight.at(0, c) + STEP);
        FloatVector sum0 = zero;
        FloatVector sum1 = zero;
        FloatVector products0 = zero;
        FloatVector products1 = zero;
        long xs = x.at(0, c);
        long ds = gradient.at(0, c);
        long gs = blockGradient.at(0, c);
        for (int r = 0; r < rows; r++) {
            long xr = xs + r * xBytes;
            long dr = ds + r * dBytes;
            long gr = gs + r * gBytes;
            FloatVector v0 = load(xr);
            FloatVector v1 = load(xr + STEP);
            FloatVector d0 = zero.blend(load(dr), v0.fma(s0, t0).compare(GT, 0f));
            FloatVector d1 = zero.blend(load(dr + STEP), v1.fma(s1, t1).compare(GT, 0f));
            sum0 = sum0.add(d0);
            sum1 = sum1.add(d1);
            products0 = d0.fma(v0.sub(mean0), products0);
            products1 = d1.fma(v1.sub(mean1), products1);
            store(d0.fma(w0, load(gr)), gr);
            store(d1.fma(w1, load(gr + STEP)), gr + STEP);
        }
        store(sum0, partial.at(0, c));
        store(sum1, partial.at(0, c) + STEP);
        store(products0, partial.at(1, c));
        store(products1, partial.at(1, c) + STEP);
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
            Matrix blockGradient,
            Matrix partial) {
        int outHeight = height / 2;
        int outWidth = width / 2;
        long xBytes = rowBytes(x);
        long gBytes = rowBytes(blockGradient);
        FloatVector zero = zero();
        for (int c = 0; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector s = load(affine.at(0, c), mask);
            FloatVector t = load(affine.at(1, c), mask);
            FloatVector mean = load(statistics.at(0, c), mask);
            FloatVector wt = load(weight.at(0, c), mask);
            FloatVector sum = zero;
            FloatVector products = zero;
            for (int i = 0; i < images; i++) {
                for (int h = 0; h < height; h++) {
                    long xs = x.at((i * height + h) * width, c);
                    long gs = blockGradient.at((i * height + h) * width, c);
                    boolean inside = h / 2 < outHeight;
                    int pooledRow = (i * outHeight + h / 2) * outWidth;
                    for (int w = 0; w < width; w++) {
                        FloatVector d = zero;
                        FloatVector v = load(xs + w * xBytes, mask);
                        if (inside && w / 2 < outWidth) {
                            d = load(pooledGradient.at(pooledRow + w / 2, c), mask).mul(0.25f);
                            d = zero.blend(d, v.fma(s, t).compare(GT, 0f));
                        }
                        sum = sum.add(d);
                        products = d.fma(v.sub(mean), products);
                        store(d.mul(wt), gs + w * gBytes, mask);
                    }
                }
            }
            store(sum, partial.at(0, c), mask);
            store(products, partial.at(1, c), mask);
        }
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
            Matrix blockGradient,
            Matrix partial) {
        long xBytes = rowBytes(x);
        long gBytes = rowBytes(blockGradient);
        FloatVector zero = zero();
        for (int c = 0; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector s = load(affine.at(0, c), mask);
            FloatVector t = load(affine.at(1, c), mask);
            FloatVector mean = load(statistics.at(0, c), mask);
            FloatVector wt = load(weight.at(0, c), mask);
            FloatVector sum = zero;
            FloatVector products = zero;
            for (int i = 0; i < images; i++) {
                FloatVector pooled = load(pooledGradient.at(i, c), mask).div(pixels);
                long xs = x.at(i * pixels, c);
                long gs = blockGradient.at(i * pixels, c);
                for (int p = 0; p < pixels; p++) {
                    FloatVector v = load(xs + p * xBytes, mask);
                    FloatVector d = zero.blend(pooled, v.fma(s, t).compare(GT, 0f));
                    sum = sum.add(d);
                    products = d.fma(v.sub(mean), products);
                    store(d.mul(wt), gs + p * gBytes, mask);
                }
            }
            store(sum, partial.at(0, c), mask);
            store(products, partial.at(1, c), mask);
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
        long xBytes = rowBytes(x);
        long outBytes = rowBytes(out);
        FloatVector zero = zero();
        for (int c = 0; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector s = load(affine.at(0, c), mask);
            FloatVector t = load(affine.at(1, c), mask);
            for (int i = 0; i < images; i++) {
                for (int h = 0; h < outHeight; h++) {
                    int top = Math.max(0, 2 * h - 1);
                    int bottom = Math.min(height, 2 * h + 2);
                    for (int w = 0; w < outWidth; w++) {
                        int left = Math.max(0, 2 * w - 1);
                        int right = Math.min(width, 2 * w + 2);
                        // Negative maxima are cut off by the ReLU behind, so zero is the start; the
                        // first tap that reaches the maximum takes the gradient.
                        FloatVector best = zero;
                        for (int y = top; y < bottom; y++) {
                            long row = x.at((i * height + y) * width, c);
                            for (int z = left; z < right; z++) {
                                best = best.max(load(row + z * xBytes, mask).fma(s, t));
                            }
                        }
                        VectorMask<Float> open = best.compare(GT, 0f).and(mask);
                        FloatVector g =
                                load(
                                        pooledGradient.at((i * outHeight + h) * outWidth + w, c),
                                        mask);
                        for (int y = top; y < bottom && open.anyTrue(); y++) {
                            long row = x.at((i * height + y) * width, c);
                            long target = out.at((i * height + y) * width, c);
                            for (int z = left; z < right; z++) {
                                VectorMask<Float> hit =
                                        load(row + z * xBytes, mask).fma(s, t).eq(best).and(open);
                                if (hit.anyTrue()) {
                                    long at = target + z * outBytes;
                                    store(load(at, hit).add(g), at, hit);
                                    open = open.andNot(hit);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    // ---------------------------------------------------------------- optimiser and copies

    @Override
    public void sgd(
            Matrix parameters,
            Matrix gradients,
            Matrix velocity,
            float rate,
            float momentum,
            boolean nesterov,
            float decay,
            float gradientScale,
            boolean firstStep) {
        for (int r = 0; r < parameters.rows(); r++) {
            for (int c = 0; c < parameters.columns(); c += LANES) {
                VectorMask<Float> mask = block(c, parameters.columns());
                FloatVector p = load(parameters.at(r, c), mask);
                FloatVector g = load(gradients.at(r, c), mask).mul(gradientScale);
                g = p.fma(FloatVector.broadcast(SPECIES, decay), g);
                FloatVector v = g;
                if (!firstStep) {
                    v =
                            load(velocity.at(r, c), mask)
                                    .fma(FloatVector.broadcast(SPECIES, momentum), g);
                }
                store(v, velocity.at(r, c), mask);
                FloatVector step =
                        nesterov ? v.fma(FloatVector.broadcast(SPECIES, momentum), g) : v;
                store(
                        step.fma(FloatVector.broadcast(SPECIES, -rate), p),
                        parameters.at(r, c),
                        mask);
            }
        }
    }

    @Override
    public void add(Matrix source, Matrix target) {
        for (int r = 0; r < source.rows(); r++) {
            for (int c = 0; c < source.columns(); c += LANES) {
                VectorMask<Float> mask = block(c, source.columns());
                long at = target.at(r, c);
                store(load(at, mask).add(load(source.at(r, c), mask)), at, mask);
            }
        }
    }

    @Override
    public void fill(Matrix target, float value) {
        FloatVector v = FloatVector.broadcast(SPECIES, value);
        for (int r = 0; r < target.rows(); r++) {
            for (int c = 0; c < target.columns(); c += LANES) {
                store(v, target.at(r, c), block(c, target.columns()));
            }
        }
    }
}
