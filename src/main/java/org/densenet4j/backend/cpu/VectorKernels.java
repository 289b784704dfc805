package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
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
            FloatVector shift = fromMemorySegment(SPECIES, memory, at, ORDER, mask);
            FloatVector sum = zero();
            FloatVector squares = zero();
            for (int r = 0; r < rows; r++) {
                FloatVector d =
                        fromMemorySegment(SPECIES, memory, at + r * rowBytes, ORDER, mask)
                                .sub(shift);
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
        shift.add(mean).intoMemorySegment(memory, partial.at(0, c), ORDER, mask);
        squares.sub(sum.mul(mean)).max(0f).intoMemorySegment(memory, partial.at(1, c), ORDER, mask);
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
            FloatVector s0 = fromMemorySegment(SPECIES, memory, scale, ORDER);
            FloatVector s1 = fromMemorySegment(SPECIES, memory, scale + STEP, ORDER);
            FloatVector s2 = fromMemorySegment(SPECIES, memory, scale + 2 * STEP, ORDER);
            FloatVector s3 = fromMemorySegment(SPECIES, memory, scale + 3 * STEP, ORDER);
            FloatVector h0 = fromMemorySegment(SPECIES, memory, shift, ORDER);
            FloatVector h1 = fromMemorySegment(SPECIES, memory, shift + STEP, ORDER);
            FloatVector h2 = fromMemorySegment(SPECIES, memory, shift + 2 * STEP, ORDER);
            FloatVector h3 = fromMemorySegment(SPECIES, memory, shift + 3 * STEP, ORDER);
            long from = x.at(0, c);
            long to = out.at(0, c);
            for (int r = 0; r < rows; r++) {
                long source = from + r * xBytes;
                long target = to + r * outBytes;
                fromMemorySegment(SPECIES, memory, source, ORDER)
                        .fma(s0, h0)
                        .max(zero)
                        .intoMemorySegment(memory, target, ORDER);
                fromMemorySegment(SPECIES, memory, source + STEP, ORDER)
                        .fma(s1, h1)
                        .max(zero)
                        .intoMemorySegment(memory, target + STEP, ORDER);
                fromMemorySegment(SPECIES, memory, source + 2 * STEP, ORDER)
                        .fma(s2, h2)
                        .max(zero)
                        .intoMemorySegment(memory, target + 2 * STEP, ORDER);
                fromMemorySegment(SPECIES, memory, source + 3 * STEP, ORDER)
                        .fma(s3, h3)
                        .max(zero)
                        .intoMemorySegment(memory, target + 3 * STEP, ORDER);
            }
        }
        for (; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector scale = fromMemorySegment(SPECIES, memory, affine.at(0, c), ORDER, mask);
            FloatVector shift = fromMemorySegment(SPECIES, memory, affine.at(1, c), ORDER, mask);
            long from = x.at(0, c);
            long to = out.at(0, c);
            for (int r = 0; r < rows; r++) {
                FloatVector v = fromMemorySegment(SPECIES, memory, from + r * xBytes, ORDER, mask);
                v.fma(scale, shift)
                        .max(zero)
                        .intoMemorySegment(memory, to + r * outBytes, ORDER, mask);
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
            FloatVector shift = fromMemorySegment(SPECIES, memory, from, ORDER, mask);
            FloatVector sum = zero();
            FloatVector squares = zero();
            for (int r = 0; r < rows; r++) {
                FloatVector v = fromMemorySegment(SPECIES, memory, from + r * yBytes, ORDER, mask);
                v.intoMemorySegment(memory, to + r * toBytes, ORDER, mask);
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
            FloatVector s = fromMemorySegment(SPECIES, memory, affine.at(0, c), ORDER, mask);
            FloatVector t = fromMemorySegment(SPECIES, memory, affine.at(1, c), ORDER, mask);
            for (int i = 0; i < images; i++) {
                for (int h = 0; h < outHeight; h++) {
                    long upper = x.at((i * height + 2 * h) * width, c);
                    long lower = upper + width * xBytes;
                    long to = out.at((i * outHeight + h) * outWidth, c);
                    for (int w = 0; w < outWidth; w++) {
                        long left = 2L * w * xBytes;
                        long right = left + xBytes;
                        FloatVector a =
                                fromMemorySegment(SPECIES, memory, upper + left, ORDER, mask)
                                        .fma(s, t)
                                        .max(zero);
                        FloatVector b =
                                fromMemorySegment(SPECIES, memory, upper + right, ORDER, mask)
                                        .fma(s, t)
                                        .max(zero);
                        FloatVector d =
                                fromMemorySegment(SPECIES, memory, lower + left, ORDER, mask)
                                        .fma(s, t)
                                        .max(zero);
                        FloatVector e =
                                fromMemorySegment(SPECIES, memory, lower + right, ORDER, mask)
                                        .fma(s, t)
                                        .max(zero);
                        a.add(b)
                                .add(d.add(e))
                                .mul(0.25f)
                                .intoMemorySegment(memory, to + w * outBytes, ORDER, mask);
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
            FloatVector s = fromMemorySegment(SPECIES, memory, affine.at(0, c), ORDER, mask);
            FloatVector t = fromMemorySegment(SPECIES, memory, affine.at(1, c), ORDER, mask);
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
                                best =
                                        best.max(
                                                fromMemorySegment(
                                                                SPECIES,
                                                                memory,
                                                                row + z * xBytes,
                                                                ORDER,
                                                                mask)
                                                        .fma(s, t));
                            }
                        }
                        best.intoMemorySegment(
                                memory, out.at((i * outHeight + h) * outWidth + w, c), ORDER, mask);
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
            FloatVector s = fromMemorySegment(SPECIES, memory, affine.at(0, c), ORDER, mask);
            FloatVector t = fromMemorySegment(SPECIES, memory, affine.at(1, c), ORDER, mask);
            for (int i = 0; i < images; i++) {
                long from = x.at(i * pixels, c);
                FloatVector sum = zero();
                for (int p = 0; p < pixels; p++) {
                    sum =
                            sum.add(
                                    fromMemorySegment(
                                                    SPECIES, memory, from + p * xBytes, ORDER, mask)
                                            .fma(s, t)
                                            .max(zero));
                }
                sum.div(pixels).intoMemorySegment(memory, out.at(i, c), ORDER, mask);
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
            FloatVector s = fromMemorySegment(SPECIES, memory, affine.at(0, c), ORDER, mask);
            FloatVector t = fromMemorySegment(SPECIES, memory, affine.at(1, c), ORDER, mask);
            FloatVector mean = fromMemorySegment(SPECIES, memory, statistics.at(0, c), ORDER, mask);
            FloatVector sum = zero();
            FloatVector products = zero();
            long xs = x.at(0, c);
            long gs = gradient.at(0, c);
            for (int r = 0; r < rows; r++) {
                FloatVector v = fromMemorySegment(SPECIES, memory, xs + r * xBytes, ORDER, mask);
                FloatVector g = fromMemorySegment(SPECIES, memory, gs + r * gBytes, ORDER, mask);
                g = zero.blend(g, v.fma(s, t).compare(GT, 0f));
                g.intoMemorySegment(memory, gs + r * gBytes, ORDER, mask);
                sum = sum.add(g);
                products = g.fma(v.sub(mean), products);
            }
            sum.intoMemorySegment(memory, partial.at(0, c), ORDER, mask);
            products.intoMemorySegment(memory, partial.at(1, c), ORDER, mask);
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
        if (add) {
            addCorrection(gradient, x, correction, statistics, out);
            return;
        }
        int rows = x.rows();
        long xBytes = rowBytes(x);
        long gBytes = rowBytes(gradient);
        long outBytes = rowBytes(out);
        for (int c = 0; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector a = fromMemorySegment(SPECIES, memory, correction.at(0, c), ORDER, mask);
            FloatVector b = fromMemorySegment(SPECIES, memory, correction.at(1, c), ORDER, mask);
            FloatVector d = fromMemorySegment(SPECIES, memory, correction.at(2, c), ORDER, mask);
            FloatVector mean = fromMemorySegment(SPECIES, memory, statistics.at(0, c), ORDER, mask);
            long xs = x.at(0, c);
            long gs = gradient.at(0, c);
            long to = out.at(0, c);
            for (int r = 0; r < rows; r++) {
                FloatVector deviation =
                        fromMemorySegment(SPECIES, memory, xs + r * xBytes, ORDER, mask).sub(mean);
                fromMemorySegment(SPECIES, memory, gs + r * gBytes, ORDER, mask)
                        .fma(a, deviation.fma(d, b))
                        .intoMemorySegment(memory, to + r * outBytes, ORDER, mask);
            }
        }
    }

    private void addCorrection(
            Matrix gradient, Matrix x, Matrix correction, Matrix statistics, Matrix out) {
        int rows = x.rows();
        long xBytes = rowBytes(x);
        long gBytes = rowBytes(gradient);
        long outBytes = rowBytes(out);
        for (int c = 0; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector a = fromMemorySegment(SPECIES, memory, correction.at(0, c), ORDER, mask);
            FloatVector b = fromMemorySegment(SPECIES, memory, correction.at(1, c), ORDER, mask);
            FloatVector d = fromMemorySegment(SPECIES, memory, correction.at(2, c), ORDER, mask);
            FloatVector mean = fromMemorySegment(SPECIES, memory, statistics.at(0, c), ORDER, mask);
            long xs = x.at(0, c);
            long gs = gradient.at(0, c);
            long to = out.at(0, c);
            for (int r = 0; r < rows; r++) {
                FloatVector deviation =
                        fromMemorySegment(SPECIES, memory, xs + r * xBytes, ORDER, mask).sub(mean);
                fromMemorySegment(SPECIES, memory, gs + r * gBytes, ORDER, mask)
                        .fma(a, deviation.fma(d, b))
                        .add(fromMemorySegment(SPECIES, memory, to + r * outBytes, ORDER, mask))
                        .intoMemorySegment(memory, to + r * outBytes, ORDER, mask);
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
        if (!add) {
            fill(blockGradient, 0);
        }
        int c = 0;
        for (; c + 2 * LANES <= x.columns(); c += 2 * LANES) {
            addGradientOfTwo(c, gradient, x, affine, statistics, weight, blockGradient, partial);
        }
        int rows = x.rows();
        long xBytes = rowBytes(x);
        long dBytes = rowBytes(gradient);
        long gBytes = rowBytes(blockGradient);
        FloatVector zero = zero();
        for (; c < x.columns(); c += LANES) {
            VectorMask<Float> mask = block(c, x.columns());
            FloatVector s = fromMemorySegment(SPECIES, memory, affine.at(0, c), ORDER, mask);
            FloatVector t = fromMemorySegment(SPECIES, memory, affine.at(1, c), ORDER, mask);
            FloatVector mean = fromMemorySegment(SPECIES, memory, statistics.at(0, c), ORDER, mask);
            FloatVector w = fromMemorySegment(SPECIES, memory, weight.at(0, c), ORDER, mask);
            FloatVector sum = zero();
            FloatVector products = zero();
            long xs = x.at(0, c);
            long ds = gradient.at(0, c);
            long gs = blockGradient.at(0, c);
            for (int r = 0; r < rows; r++) {
                FloatVector v = fromMemorySegment(SPECIES, memory, xs + r * xBytes, ORDER, mask);
                FloatVector d = fromMemorySegment(SPECIES, memory, ds + r * dBytes, ORDER, mask);
                d = zero.blend(d, v.fma(s, t).compare(GT, 0f));
                sum = sum.add(d);
                products = d.fma(v.sub(mean), products);
                d.fma(w, fromMemorySegment(SPECIES, memory, gs + r * gBytes, ORDER, mask))
                        .intoMemorySegment(memory, gs + r * gBytes, ORDER, mask);
            }
            sum.intoMemorySegment(memory, partial.at(0, c), ORDER, mask);
            products.intoMemorySegment(memory, partial.at(1, c), ORDER, mask);
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
        FloatVector s0 = fromMemorySegment(SPECIES, memory, affine.at(0, c), ORDER);
        FloatVector s1 = fromMemorySegment(SPECIES, memory, affine.at(0, c) + STEP, ORDER);
        FloatVector t0 = fromMemorySegment(SPECIES, memory, affine.at(1, c), ORDER);
        FloatVector t1 = fromMemorySegment(SPECIES, memory, affine.at(1, c) + STEP, ORDER);
        FloatVector mean0 = fromMemorySegment(SPECIES, memory, statistics.at(0, c), ORDER);
        FloatVector mean1 = fromMemorySegment(SPECIES, memory, statistics.at(0, c) + STEP, ORDER);
        FloatVector w0 = fromMemorySegment(SPECIES, memory, weight.at(0, c), ORDER);
        FloatVector w1 = fromMemorySegment(SPECIES, memory, weight.at(0, c) + STEP, ORDER);
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
            FloatVector v0 = fromMemorySegment(SPECIES, memory, xr, ORDER);
            FloatVector v1 = fromMemorySegment(SPECIES, memory, xr + STEP, ORDER);
            FloatVector d0 =
                    zero.blend(
                            fromMemorySegment(SPECIES, memory, dr, ORDER),
                            v0.fma(s0, t0).compare(GT, 0f));
            FloatVector d1 =
                    zero.blend(
                            fromMemorySegment(SPECIES, memory, dr + STEP, ORDER),
                            v1.fma(s1, t1).compare(GT, 0f));
            sum0 = sum0.add(d0);
            sum1 = sum1.add(d1);
            products0 = d0.fma(v0.sub(mean0), products0);
            products1 = d1.fma(v1.sub(mean1), products1);
            d0.fma(w0, fromMemorySegment(SPECIES, memory, gr, ORDER))
                    .intoMemorySegment(memory, gr, ORDER);
            d1.fma(w1, fromMemorySegment(SPECIES, memory, gr + STEP, ORDER))
                    .intoMemorySegment(memory, gr + STEP, ORDER);
        }
        sum0.intoMemorySegment(memory, partial.at(0, c), ORDER);
        sum1.intoMemorySegment(memory, partial.at(0, c) + STEP, ORDER);
        products0.intoMemorySegment(memory, partial.at(1, c), ORDER);
        products1.intoMemorySegment(memory, partial.at(1, c) + STEP, ORDER);
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
            FloatVector s = fromMemorySegment(SPECIES, memory, affine.at(0, c), ORDER, mask);
            FloatVector t = fromMemorySegment(SPECIES, memory, affine.at(1, c), ORDER, mask);
            FloatVector mean = fromMemorySegment(SPECIES, memory, statistics.at(0, c), ORDER, mask);
            FloatVector wt = fromMemorySegment(SPECIES, memory, weight.at(0, c), ORDER, mask);
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
                        FloatVector v =
                                fromMemorySegment(SPECIES, memory, xs + w * xBytes, ORDER, mask);
                        if (inside && w / 2 < outWidth) {
                            d =
                                    fromMemorySegment(
                                                    SPECIES,
                                                    memory,
                                                    pooledGradient.at(pooledRow + w / 2, c),
                                                    ORDER,
                                                    mask)
                                            .mul(0.25f);
                            d = zero.blend(d, v.fma(s, t).compare(GT, 0f));
                        }
                        sum = sum.add(d);
                        products = d.fma(v.sub(mean), products);
                        d.mul(wt).intoMemorySegment(memory, gs + w * gBytes, ORDER, mask);
                    }
                }
            }
            sum.intoMemorySegment(memory, partial.at(0, c), ORDER, mask);
            products.intoMemorySegment(memory, partial.at(1, c), ORDER, mask);
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
            FloatVector s = fromMemorySegment(SPECIES, memory, affine.at(0, c), ORDER, mask);
            FloatVector t = fromMemorySegment(SPECIES, memory, affine.at(1, c), ORDER, mask);
            FloatVector mean = fromMemorySegment(SPECIES, memory, statistics.at(0, c), ORDER, mask);
            FloatVector wt = fromMemorySegment(SPECIES, memory, weight.at(0, c), ORDER, mask);
            FloatVector sum = zero;
            FloatVector products = zero;
            for (int i = 0; i < images; i++) {
                FloatVector pooled =
                        fromMemorySegment(SPECIES, memory, pooledGradient.at(i, c), ORDER, mask)
                                .div(pixels);
                long xs = x.at(i * pixels, c);
                long gs = blockGradient.at(i * pixels, c);
                for (int p = 0; p < pixels; p++) {
                    FloatVector v =
                            fromMemorySegment(SPECIES, memory, xs + p * xBytes, ORDER, mask);
                    FloatVector d = zero.blend(pooled, v.fma(s, t).compare(GT, 0f));
                    sum = sum.add(d);
                    products = d.fma(v.sub(mean), products);
                    d.mul(wt).intoMemorySegment(memory, gs + p * gBytes, ORDER, mask);
                }
            }
            sum.intoMemorySegment(memory, partial.at(0, c), ORDER, mask);
            products.intoMemorySegment(memory, partial.at(1, c), ORDER, mask);
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
            FloatVector s = fromMemorySegment(SPECIES, memory, affine.at(0, c), ORDER, mask);
            FloatVector t = fromMemorySegment(SPECIES, memory, affine.at(1, c), ORDER, mask);
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
                                best =
                                        best.max(
                                                fromMemorySegment(
                                                                SPECIES,
                                                                memory,
                                                                row + z * xBytes,
                                                                ORDER,
                                                                mask)
                                                        .fma(s, t));
                            }
                        }
                        VectorMask<Float> open = best.compare(GT, 0f).and(mask);
                        FloatVector g =
                                fromMemorySegment(
                                        SPECIES,
                                        memory,
                                        pooledGradient.at((i * outHeight + h) * outWidth + w, c),
                                        ORDER,
                                        mask);
                        for (int y = top; y < bottom && open.anyTrue(); y++) {
                            long row = x.at((i * height + y) * width, c);
                            long target = out.at((i * height + y) * width, c);
                            for (int z = left; z < right; z++) {
                                VectorMask<Float> hit =
                                        fromMemorySegment(
                                                        SPECIES,
                                                        memory,
                                                        row + z * xBytes,
                                                        ORDER,
                                                        mask)
                                                .fma(s, t)
                                                .eq(best)
                                                .and(open);
                                if (hit.anyTrue()) {
                                    long at = target + z * outBytes;
                                    fromMemorySegment(SPECIES, memory, at, ORDER, hit)
                                            .add(g)
                                            .intoMemorySegment(memory, at, ORDER, hit);
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
                FloatVector p =
                        fromMemorySegment(SPECIES, memory, parameters.at(r, c), ORDER, mask);
                FloatVector g =
                        fromMemorySegment(SPECIES, memory, gradients.at(r, c), ORDER, mask)
                                .mul(gradientScale);
                g = p.fma(FloatVector.broadcast(SPECIES, decay), g);
                FloatVector v = g;
                if (!firstStep) {
                    v =
                            fromMemorySegment(SPECIES, memory, velocity.at(r, c), ORDER, mask)
                                    .fma(FloatVector.broadcast(SPECIES, momentum), g);
                }
                v.intoMemorySegment(memory, velocity.at(r, c), ORDER, mask);
                FloatVector step =
                        nesterov ? v.fma(FloatVector.broadcast(SPECIES, momentum), g) : v;
                step.fma(FloatVector.broadcast(SPECIES, -rate), p)
                        .intoMemorySegment(memory, parameters.at(r, c), ORDER, mask);
            }
        }
    }

    @Override
    public void add(Matrix source, Matrix target) {
        for (int r = 0; r < source.rows(); r++) {
            for (int c = 0; c < source.columns(); c += LANES) {
                VectorMask<Float> mask = block(c, source.columns());
                long at = target.at(r, c);
                fromMemorySegment(SPECIES, memory, at, ORDER, mask)
                        .add(fromMemorySegment(SPECIES, memory, source.at(r, c), ORDER, mask))
                        .intoMemorySegment(memory, at, ORDER, mask);
            }
        }
    }

    @Override
    public void fill(Matrix target, float value) {
        FloatVector v = FloatVector.broadcast(SPECIES, value);
        for (int r = 0; r < target.rows(); r++) {
            for (int c = 0; c < target.columns(); c += LANES) {
                v.intoMemorySegment(memory, target.at(r, c), ORDER, block(c, target.columns()));
            }
        }
    }
}
