package org.densenet4j.backend.cpu;

import static java.nio.ByteOrder.nativeOrder;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** Average pools without normalisation. */
interface AveragePool {
    /** See {@link org.densenet4j.backend.Kernels#averagePool}. */
    void averagePool(Matrix x, int images, PoolShape shape, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#averagePoolGradient}. */
    void averagePoolGradient(Matrix pooledGradient, int images, PoolShape shape, Matrix out);

    /**
     * On the Vector API, for one storage type of images ({@link StorageCopy}): pixel by pixel of
     * what is written, a vector of channels at a time. Channels that do not fill one are left to
     * the plain loops.
     */
    final class Vectors extends VectorElements implements AveragePool {
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
        public void averagePool(Matrix x, int images, PoolShape s, Matrix out) {
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
                loops.averagePool(rest(x), images, s, rest(out));
            }
        }

        @Override
        public void averagePoolGradient(
                Matrix pooledGradient, int images, PoolShape s, Matrix out) {
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
                loops.averagePoolGradient(rest(pooledGradient), images, s, rest(out));
            }
        }

        private FloatVector loadPooled(long at, boolean wide) {
            return wide
                    ? FloatVector.fromMemorySegment(SPECIES, memory, at, nativeOrder())
                    : load(at);
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements AveragePool {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void averagePool(Matrix x, int images, PoolShape s, Matrix out) {
            for (int r = 0; r < images * s.outPixels(); r++) {
                int h = r / s.outWidth() % s.outHeight();
                int w = r % s.outWidth();
                int image = r / s.outPixels() * s.height();
                for (int c = 0; c < x.columns(); c++) {
                    float sum = 0;
                    for (int y = s.top(h); y < s.bottom(h); y++) {
                        // Lines first: fewer terms to a sum round less.
                        float line = 0;
                        for (int z = s.left(w); z < s.right(w); z++) {
                            line += get(x, (image + y) * s.width() + z, c);
                        }
                        sum += line;
                    }
                    set(out, r, c, sum * s.share(h, w));
                }
            }
        }

        @Override
        public void averagePoolGradient(
                Matrix pooledGradient, int images, PoolShape s, Matrix out) {
            for (int r = 0; r < images * s.pixels(); r++) {
                int y = r / s.width() % s.height();
                int z = r % s.width();
                int image = r / s.pixels() * s.outHeight();
                for (int c = 0; c < out.columns(); c++) {
                    float sum = 0;
                    for (int h = s.firstOver(y); h < s.endOver(y); h++) {
                        for (int w = s.firstBeside(z); w < s.endBeside(z); w++) {
                            float g = get(pooledGradient, (image + h) * s.outWidth() + w, c);
                            sum = Math.fma(g, s.share(h, w), sum);
                        }
                    }
                    set(out, r, c, sum);
                }
            }
        }
    }
}
