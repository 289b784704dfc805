package org.densenet4j.backend.cpu;

import org.densenet4j.backend.BlurFilter;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;

import java.lang.foreign.MemorySegment;

/** The pools without normalisation as plain loops. */
class ScalarPools extends StoredElements {
    ScalarPools(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#maxPool}. */
    void maxPool(Matrix x, int images, PoolShape s, Matrix out) {
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

    /** See {@link org.densenet4j.backend.Kernels#maxPoolGradient}. */
    void maxPoolGradient(Matrix pooledGradient, Matrix x, int images, PoolShape s, Matrix out) {
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

    /** See {@link org.densenet4j.backend.Kernels#averagePool}. */
    void averagePool(Matrix x, int images, PoolShape s, Matrix out) {
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

    /** See {@link org.densenet4j.backend.Kernels#averagePoolGradient}. */
    void averagePoolGradient(Matrix pooledGradient, int images, PoolShape s, Matrix out) {
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

    /** See {@link org.densenet4j.backend.Kernels#blurPool}. */
    void blurPool(Matrix x, int images, int height, int width, Matrix out) {
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

    /** See {@link org.densenet4j.backend.Kernels#blurPoolGradient}. */
    void blurPoolGradient(Matrix pooledGradient, int images, int height, int width, Matrix out) {
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
