package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.BlurFilter;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** Anti-aliased downsampling. */
interface BlurPool {
    /** See {@link org.densenet4j.backend.Kernels#blurPool}. */
    void blurPool(Matrix x, int images, int height, int width, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#blurPoolGradient}. */
    void blurPoolGradient(Matrix pooledGradient, int images, int height, int width, Matrix out);

    /**
     * On the Vector API, for one storage type of images ({@link StorageCopy}): pixel by pixel of
     * what is written, a vector of channels at a time. Channels that do not fill one are left to
     * the plain loops.
     */
    final class Vectors extends VectorElements implements BlurPool {
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
        public void blurPool(Matrix x, int images, int height, int width, Matrix out) {
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
                loops.blurPool(rest(x), images, height, width, rest(out));
            }
        }

        @Override
        public void blurPoolGradient(
                Matrix pooledGradient, int images, int height, int width, Matrix out) {
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
                loops.blurPoolGradient(rest(pooledGradient), images, height, width, rest(out));
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements BlurPool {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void blurPool(Matrix x, int images, int height, int width, Matrix out) {
            int outHeight = BlurFilter.outputs(height);
            int outWidth = BlurFilter.outputs(width);
            for (int r = 0; r < images * outHeight * outWidth; r++) {
                int h = r / outWidth % outHeight;
                int w = r % outWidth;
                int image = r / outWidth / outHeight * height;
                for (int c = 0; c < x.columns(); c++) {
                    float sum = 0;
                    for (int y = BlurFilter.first(h); y < BlurFilter.end(h, height); y++) {
                        float line = 0;
                        for (int z = BlurFilter.first(w); z < BlurFilter.end(w, width); z++) {
                            float value = get(x, (image + y) * width + z, c);
                            line = Math.fma(BlurFilter.weight(w, z, width), value, line);
                        }
                        sum = Math.fma(BlurFilter.weight(h, y, height), line, sum);
                    }
                    set(out, r, c, sum);
                }
            }
        }

        @Override
        public void blurPoolGradient(
                Matrix pooledGradient, int images, int height, int width, Matrix out) {
            int outHeight = BlurFilter.outputs(height);
            int outWidth = BlurFilter.outputs(width);
            for (int r = 0; r < images * height * width; r++) {
                int y = r / width % height;
                int z = r % width;
                int image = r / width / height * outHeight;
                for (int c = 0; c < out.columns(); c++) {
                    float sum = 0;
                    for (int h = y / 2; h < Math.min(outHeight, (y + 1) / 2 + 1); h++) {
                        float line = 0;
                        for (int w = z / 2; w < Math.min(outWidth, (z + 1) / 2 + 1); w++) {
                            float g = get(pooledGradient, (image + h) * outWidth + w, c);
                            line = Math.fma(BlurFilter.weight(w, z, width), g, line);
                        }
                        sum = Math.fma(BlurFilter.weight(h, y, height), line, sum);
                    }
                    set(out, r, c, sum);
                }
            }
        }
    }
}
