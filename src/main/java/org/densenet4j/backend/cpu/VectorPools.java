package org.densenet4j.backend.cpu;

import static java.nio.ByteOrder.nativeOrder;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

import org.densenet4j.backend.BlurFilter;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;

/**
 * The pools without normalisation on the Vector API, for one storage type of images ({@link
 * StorageCopy}): pixel by pixel of what is written, a vector of channels at a time. Channels that
 * do not fill one are left to the plain loops.
 */
class VectorPools extends ScalarPools {
    private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
    private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
    private static final VectorSpecies<Float> SPECIES = StoredVector.SPECIES;
    private static final int LANES = SPECIES.length();

    /** The copy of this class for bfloat16; only that one is made when it is asked for. */
    private static final class OfBFloat16 {
        static final MethodHandle CONSTRUCTOR =
                StorageCopy.constructor(VectorPools.class, DataType.BFLOAT16, ScalarPools.class);

        private OfBFloat16() {}
    }

    VectorPools(MemorySegment memory) {
        super(memory);
    }

    /** Pools of images that are stored as {@code type}. */
    static ScalarPools of(DataType type, MemorySegment memory) {
        if (type == DataType.FLOAT32) {
            return new VectorPools(memory);
        }
        try {
            return (ScalarPools) OfBFloat16.CONSTRUCTOR.invokeExact(memory);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private FloatVector load(long at) {
        return StoredVector.load(FLOATS, memory, at);
    }

    private void store(FloatVector v, long at) {
        StoredVector.store(FLOATS, v, memory, at);
    }

    private FloatVector loadPooled(long at, boolean wide) {
        return wide ? FloatVector.fromMemorySegment(SPECIES, memory, at, nativeOrder()) : load(at);
    }

    private static int whole(Matrix x) {
        return x.columns() / LANES * LANES;
    }

    private static Matrix rest(Matrix x) {
        return x.columns(whole(x), x.columns() - whole(x));
    }

    @Override
    void maxPool(Matrix x, int images, PoolShape s, Matrix out) {
        int outWidth = s.outWidth();
        int outHeight = s.outHeight();
        long row = x.rowBytes();
        for (int line = 0; line < images * outHeight; line++) {
            int h = line % outHeight;
            int top = s.top(h);
            int lines = s.bottom(h) - top;
            int above = (line / outHeight * s.height() + top) * s.width();
            for (int w = 0; w < outWidth; w++) {
                int left = s.left(w);
                int columns = s.right(w) - left;
                for (int c = 0; c < whole(x); c += LANES) {
                    long first = x.at(above + left, c);
                    FloatVector best = load(first);
                    for (int y = 0; y < lines; y++) {
                        for (int z = 0; z < columns; z++) {
                            best = best.max(load(first + (y * s.width() + z) * row));
                        }
                    }
                    store(best, out.at(line * outWidth + w, c));
                }
            }
        }
        if (whole(x) < x.columns()) {
            super.maxPool(rest(x), images, s, rest(out));
        }
    }

    @Override
    void maxPoolGradient(Matrix pooledGradient, Matrix x, int images, PoolShape s, Matrix out) {
        int outWidth = s.outWidth();
        int outHeight = s.outHeight();
        int whole = whole(x);
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int r = 0; r < images * s.pixels(); r++) {
            for (int c = 0; c < whole; c += LANES) {
                store(zero, out.at(r, c));
            }
        }
        for (int line = 0; line < images * outHeight; line++) {
            int h = line % outHeight;
            int top = s.top(h);
            int lines = s.bottom(h) - top;
            int above = (line / outHeight * s.height() + top) * s.width();
            for (int w = 0; w < outWidth; w++) {
                int left = s.left(w);
                int columns = s.right(w) - left;
                for (int c = 0; c < whole; c += LANES) {
                    giveToMaximum(
                            x.at(above + left, c),
                            x.rowBytes(),
                            out.at(above + left, c),
                            out.rowBytes(),
                            lines,
                            columns,
                            s.width(),
                            pooledGradient.at(line * outWidth + w, c));
                }
            }
        }
        if (whole < x.columns()) {
            super.maxPoolGradient(rest(pooledGradient), rest(x), images, s, rest(out));
        }
    }

    /**
     * Adds a window's gradient to its first maximum. Addresses, not vectors, are handed over: a
     * vector that is an argument of a method which is not inlined goes through the heap.
     */
    private void giveToMaximum(
            long x,
            long xRow,
            long out,
            long outRow,
            int lines,
            int columns,
            int width,
            long gradient) {
        FloatVector best = load(x);
        for (int y = 0; y < lines; y++) {
            for (int z = 0; z < columns; z++) {
                best = best.max(load(x + (y * width + z) * xRow));
            }
        }
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector rest = load(gradient);
        for (int y = 0; y < lines; y++) {
            for (int z = 0; z < columns; z++) {
                VectorMask<Float> hit = load(x + (y * width + z) * xRow).eq(best);
                long at = out + (y * width + z) * outRow;
                store(load(at).add(zero.blend(rest, hit)), at);
                rest = rest.blend(zero, hit);
            }
        }
    }

    @Override
    void averagePool(Matrix x, int images, PoolShape s, Matrix out) {
        int outWidth = s.outWidth();
        int outHeight = s.outHeight();
        long row = x.rowBytes();
        boolean wide = out.type() == DataType.FLOAT32;
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int line = 0; line < images * outHeight; line++) {
            int h = line % outHeight;
            int top = s.top(h);
            int lines = s.bottom(h) - top;
            int above = (line / outHeight * s.height() + top) * s.width();
            for (int w = 0; w < outWidth; w++) {
                int left = s.left(w);
                int columns = s.right(w) - left;
                float share = s.share(h, w);
                for (int c = 0; c < whole(x); c += LANES) {
                    long first = x.at(above + left, c);
                    FloatVector sum = zero;
                    for (int y = 0; y < lines; y++) {
                        FloatVector ofLine = zero;
                        for (int z = 0; z < columns; z++) {
                            ofLine = ofLine.add(load(first + (y * s.width() + z) * row));
                        }
                        sum = sum.add(ofLine);
                    }
                    long to = out.at(line * outWidth + w, c);
                    if (wide) {
                        sum.mul(share).intoMemorySegment(memory, to, nativeOrder());
                    } else {
                        store(sum.mul(share), to);
                    }
                }
            }
        }
        if (whole(x) < x.columns()) {
            super.averagePool(rest(x), images, s, rest(out));
        }
    }

    @Override
    void averagePoolGradient(Matrix pooledGradient, int images, PoolShape s, Matrix out) {
        int outWidth = s.outWidth();
        long row = pooledGradient.rowBytes();
        boolean wide = pooledGradient.type() == DataType.FLOAT32;
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int line = 0; line < images * s.height(); line++) {
            int y = line % s.height();
            int first = s.firstOver(y);
            int end = s.endOver(y);
            int image = line / s.height() * s.outHeight();
            for (int z = 0; z < s.width(); z++) {
                int left = s.firstBeside(z);
                int right = s.endBeside(z);
                for (int c = 0; c < whole(out); c += LANES) {
                    FloatVector sum = zero;
                    for (int h = first; h < end; h++) {
                        long from = pooledGradient.at((image + h) * outWidth, c);
                        for (int w = left; w < right; w++) {
                            FloatVector g = loadPooled(from + w * row, wide);
                            sum = g.fma(FloatVector.broadcast(SPECIES, s.share(h, w)), sum);
                        }
                    }
                    store(sum, out.at(line * s.width() + z, c));
                }
            }
        }
        if (whole(out) < out.columns()) {
            super.averagePoolGradient(rest(pooledGradient), images, s, rest(out));
        }
    }

    @Override
    void blurPool(Matrix x, int images, int height, int width, Matrix out) {
        int outHeight = BlurFilter.outputs(height);
        int outWidth = BlurFilter.outputs(width);
        long row = x.rowBytes();
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int line = 0; line < images * outHeight; line++) {
            int h = line % outHeight;
            int top = BlurFilter.first(h);
            int bottom = BlurFilter.end(h, height);
            int image = line / outHeight * height;
            for (int w = 0; w < outWidth; w++) {
                int left = BlurFilter.first(w);
                int right = BlurFilter.end(w, width);
                for (int c = 0; c < whole(x); c += LANES) {
                    FloatVector sum = zero;
                    for (int y = top; y < bottom; y++) {
                        long from = x.at((image + y) * width, c);
                        float down = BlurFilter.weight(h, y, height);
                        for (int z = left; z < right; z++) {
                            float weight = down * BlurFilter.weight(w, z, width);
                            FloatVector value = load(from + z * row);
                            sum = value.fma(FloatVector.broadcast(SPECIES, weight), sum);
                        }
                    }
                    store(sum, out.at(line * outWidth + w, c));
                }
            }
        }
        if (whole(x) < x.columns()) {
            super.blurPool(rest(x), images, height, width, rest(out));
        }
    }

    @Override
    void blurPoolGradient(Matrix pooledGradient, int images, int height, int width, Matrix out) {
        int outHeight = BlurFilter.outputs(height);
        int outWidth = BlurFilter.outputs(width);
        long row = pooledGradient.rowBytes();
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int line = 0; line < images * height; line++) {
            int y = line % height;
            int first = y / 2;
            int end = Math.min(outHeight, (y + 1) / 2 + 1);
            int image = line / height * outHeight;
            for (int z = 0; z < width; z++) {
                int left = z / 2;
                int right = Math.min(outWidth, (z + 1) / 2 + 1);
                for (int c = 0; c < whole(out); c += LANES) {
                    FloatVector sum = zero;
                    for (int h = first; h < end; h++) {
                        long from = pooledGradient.at((image + h) * outWidth, c);
                        float down = BlurFilter.weight(h, y, height);
                        for (int w = left; w < right; w++) {
                            float weight = down * BlurFilter.weight(w, z, width);
                            FloatVector g = load(from + w * row);
                            sum = g.fma(FloatVector.broadcast(SPECIES, weight), sum);
                        }
                    }
                    store(sum, out.at(line * width + z, c));
                }
            }
        }
        if (whole(out) < out.columns()) {
            super.blurPoolGradient(rest(pooledGradient), images, height, width, rest(out));
        }
    }
}
