package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** Maximum pools without normalisation. */
interface MaxPool {
    /** See {@link org.densenet4j.backend.Kernels#maxPool}. */
    void maxPool(Matrix x, int images, PoolShape shape, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#maxPoolGradient}. */
    void maxPoolGradient(Matrix pooledGradient, Matrix x, int images, PoolShape shape, Matrix out);

    /**
     * On the Vector API, for one storage type of images ({@link StorageCopy}): pixel by pixel of
     * what is written, a vector of channels at a time. Channels that do not fill one are left to
     * the plain loops.
     */
    final class Vectors extends VectorElements implements MaxPool {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
        private final Loops loops;

        Vectors(MemorySegment memory) {
            super(memory);
            loops = new Loops(memory);
        }

        private FloatVector load(long at) {
            return StoredVector.load(FLOATS, memory, at);
        }

        private void store(FloatVector v, long at) {
            StoredVector.store(FLOATS, v, memory, at);
        }

        @Override
        public void maxPool(Matrix x, int images, PoolShape s, Matrix out) {
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
                loops.maxPool(rest(x), images, s, rest(out));
            }
        }

        @Override
        public void maxPoolGradient(
                Matrix pooledGradient, Matrix x, int images, PoolShape s, Matrix out) {
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
                loops.maxPoolGradient(rest(pooledGradient), rest(x), images, s, rest(out));
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
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements MaxPool {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void maxPool(Matrix x, int images, PoolShape s, Matrix out) {
            for (int r = 0; r < images * s.outPixels(); r++) {
                int h = r / s.outWidth() % s.outHeight();
                int w = r % s.outWidth();
                int image = r / s.outPixels() * s.height();
                for (int c = 0; c < x.columns(); c++) {
                    float best = Float.NEGATIVE_INFINITY;
                    for (int y = s.top(h); y < s.bottom(h); y++) {
                        for (int z = s.left(w); z < s.right(w); z++) {
                            best = Math.max(best, get(x, (image + y) * s.width() + z, c));
                        }
                    }
                    set(out, r, c, best);
                }
            }
        }

        @Override
        public void maxPoolGradient(
                Matrix pooledGradient, Matrix x, int images, PoolShape s, Matrix out) {
            for (int r = 0; r < out.rows(); r++) {
                for (int c = 0; c < out.columns(); c++) {
                    set(out, r, c, 0);
                }
            }
            for (int r = 0; r < images * s.outPixels(); r++) {
                int h = r / s.outWidth() % s.outHeight();
                int w = r % s.outWidth();
                int image = r / s.outPixels() * s.height();
                for (int c = 0; c < x.columns(); c++) {
                    int first = (image + s.top(h)) * s.width() + s.left(w);
                    for (int y = s.top(h); y < s.bottom(h); y++) {
                        for (int z = s.left(w); z < s.right(w); z++) {
                            int row = (image + y) * s.width() + z;
                            if (get(x, row, c) > get(x, first, c)) {
                                first = row;
                            }
                        }
                    }
                    set(out, first, c, get(out, first, c) + get(pooledGradient, r, c));
                }
            }
        }
    }
}
