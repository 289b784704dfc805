package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/**
 * The transforms of images in Winograd's F(4x4, 3x3) (Lavin and Gray 2016, section 4.3): between
 * tiles of pixels and 36 matrices [tiles, channels], all float32.
 *
 * <p>A tile is 4x4 pixels of the output; it reads 6x6 pixels of the source, one beyond each edge.
 * Pixels outside the image are zeros. Vectors run over channels. A transform goes over the columns
 * of a tile, into a temporary that stays in the first-level cache, and then over its rows; each of
 * the loops is a method of its own that takes addresses, because vectors that are handed to a
 * method which is not inlined go through the heap.
 */
final class WinogradTransforms {
    private static final int LANES = StoredVector.LANES;
    private static final long STEP = LANES * 4L;

    private final MemorySegment memory;

    WinogradTransforms(MemorySegment memory) {
        this.memory = memory;
    }

    private FloatVector load(long at) {
        return StoredVector.load(true, memory, at);
    }

    private FloatVector load(long at, VectorMask<Float> mask) {
        return StoredVector.load(true, memory, at, mask);
    }

    private void store(FloatVector v, long at) {
        StoredVector.store(true, v, memory, at);
    }

    private void store(FloatVector v, long at, VectorMask<Float> mask) {
        StoredVector.store(true, v, memory, at, mask);
    }

    private static VectorMask<Float> first(int channels) {
        return StoredVector.SPECIES.indexInRange(0, channels);
    }

    /** Address of the first pixel of a line, or of the zeros when it is outside the image. */
    private static long line(Matrix x, Tiles tiles, int image, int h, int c, long zeros) {
        return h >= 0 && h < tiles.height()
                ? x.at((image * tiles.height() + h) * tiles.width(), c)
                : zeros;
    }

    // ---------------------------------------------------------------- source

    /**
     * {@code V = Bᵀ·d·B} of the 6x6 pixels around each tile.
     *
     * @param x dense images [N·H·W, C]
     */
    void source(Matrix x, Tiles tiles, int first, int count, TileBuffers to) {
        int channels = x.columns();
        long pixel = (long) x.stride() * Float.BYTES;
        long zeros = to.zeros();
        long temporary = to.temporary();
        for (int t = 0; t < count; t++) {
            int top = tiles.top(first + t) - 1;
            int left = tiles.left(first + t) - 1;
            int image = tiles.image(first + t);
            for (int c = 0; c < channels; c += LANES) {
                long r0 = line(x, tiles, image, top, c, zeros);
                long r1 = line(x, tiles, image, top + 1, c, zeros);
                long r2 = line(x, tiles, image, top + 2, c, zeros);
                long r3 = line(x, tiles, image, top + 3, c, zeros);
                long r4 = line(x, tiles, image, top + 4, c, zeros);
                long r5 = line(x, tiles, image, top + 5, c, zeros);
                for (int j = 0; j < 6; j++) {
                    int w = left + j;
                    long at = temporary + j * STEP;
                    if (w < 0 || w >= tiles.width()) {
                        zeroColumn(at);
                        continue;
                    }
                    long by = w * pixel;
                    long a0 = r0 == zeros ? zeros : r0 + by;
                    long a1 = r1 == zeros ? zeros : r1 + by;
                    long a2 = r2 == zeros ? zeros : r2 + by;
                    long a3 = r3 == zeros ? zeros : r3 + by;
                    long a4 = r4 == zeros ? zeros : r4 + by;
                    long a5 = r5 == zeros ? zeros : r5 + by;
                    if (c + LANES <= channels) {
                        sourceColumn(a0, a1, a2, a3, a4, a5, at);
                    } else {
                        sourceColumnOfRest(a0, a1, a2, a3, a4, a5, channels - c, at);
                    }
                }
                sourceRows(temporary, to.element(t, c), to.matrixBytes());
            }
        }
    }

    private void zeroColumn(long at) {
        FloatVector zero = FloatVector.zero(StoredVector.SPECIES);
        for (int i = 0; i < 6; i++) {
            store(zero, at + 6 * i * STEP);
        }
    }

    private void sourceColumn(long a0, long a1, long a2, long a3, long a4, long a5, long to) {
        FloatVector d1 = load(a1);
        FloatVector d2 = load(a2);
        FloatVector d3 = load(a3);
        FloatVector d4 = load(a4);
        FloatVector a = d2.mul(-4f).add(d4);
        FloatVector b = d1.mul(-4f).add(d3);
        FloatVector c = d4.sub(d2);
        FloatVector e = d3.sub(d1);
        e = e.add(e);
        store(load(a0).mul(4f).add(d2.mul(-5f).add(d4)), to);
        store(a.add(b), to + 6 * STEP);
        store(a.sub(b), to + 12 * STEP);
        store(c.add(e), to + 18 * STEP);
        store(c.sub(e), to + 24 * STEP);
        store(d1.mul(4f).add(d3.mul(-5f).add(load(a5))), to + 30 * STEP);
    }

    private void sourceColumnOfRest(
            long a0, long a1, long a2, long a3, long a4, long a5, int channels, long to) {
        VectorMask<Float> mask = first(channels);
        FloatVector d1 = load(a1, mask);
        FloatVector d2 = load(a2, mask);
        FloatVector d3 = load(a3, mask);
        FloatVector d4 = load(a4, mask);
        FloatVector a = d2.mul(-4f).add(d4);
        FloatVector b = d1.mul(-4f).add(d3);
        FloatVector c = d4.sub(d2);
        FloatVector e = d3.sub(d1);
        e = e.add(e);
        store(load(a0, mask).mul(4f).add(d2.mul(-5f).add(d4)), to);
        store(a.add(b), to + 6 * STEP);
        store(a.sub(b), to + 12 * STEP);
        store(c.add(e), to + 18 * STEP);
        store(c.sub(e), to + 24 * STEP);
        store(d1.mul(4f).add(d3.mul(-5f).add(load(a5, mask))), to + 30 * STEP);
    }

    /** {@code Bᵀ} times six values, for the six rows of the temporary. */
    private void sourceRows(long from, long target, long next) {
        for (int i = 0; i < 6; i++) {
            long at = from + 6 * i * STEP;
            long to = target + 6 * i * next;
            FloatVector d1 = load(at + STEP);
            FloatVector d2 = load(at + 2 * STEP);
            FloatVector d3 = load(at + 3 * STEP);
            FloatVector d4 = load(at + 4 * STEP);
            FloatVector a = d2.mul(-4f).add(d4);
            FloatVector b = d1.mul(-4f).add(d3);
            FloatVector c = d4.sub(d2);
            FloatVector e = d3.sub(d1);
            e = e.add(e);
            store(load(at).mul(4f).add(d2.mul(-5f).add(d4)), to);
            store(a.add(b), to + next);
            store(a.sub(b), to + 2 * next);
            store(c.add(e), to + 3 * next);
            store(c.sub(e), to + 4 * next);
            store(d1.mul(4f).add(d3.mul(-5f).add(load(at + 5 * STEP))), to + 5 * next);
        }
    }

    // ---------------------------------------------------------------- gradient of the output

    /** {@code A·dy·Aᵀ} of the 4x4 pixels of each tile, for the weight gradient. */
    void outputGradient(Matrix dY, Tiles tiles, int first, int count, TileBuffers to) {
        int channels = dY.columns();
        long pixel = (long) dY.stride() * Float.BYTES;
        long zeros = to.zeros();
        for (int t = 0; t < count; t++) {
            int top = tiles.top(first + t);
            int left = tiles.left(first + t);
            int image = tiles.image(first + t);
            for (int c = 0; c < channels; c += LANES) {
                long r0 = line(dY, tiles, image, top, c, zeros);
                long r1 = line(dY, tiles, image, top + 1, c, zeros);
                long r2 = line(dY, tiles, image, top + 2, c, zeros);
                long r3 = line(dY, tiles, image, top + 3, c, zeros);
                for (int j = 0; j < 4; j++) {
                    boolean inside = left + j < tiles.width();
                    long by = (left + j) * pixel;
                    long a0 = inside ? r0 + by : zeros;
                    long a1 = inside && r1 != zeros ? r1 + by : zeros;
                    long a2 = inside && r2 != zeros ? r2 + by : zeros;
                    long a3 = inside && r3 != zeros ? r3 + by : zeros;
                    long at = to.temporary() + j * STEP;
                    if (c + LANES <= channels) {
                        gradientColumn(a0, a1, a2, a3, at);
                    } else {
                        gradientColumnOfRest(a0, a1, a2, a3, channels - c, at);
                    }
                }
                gradientRows(to.temporary(), to.element(t, c), to.matrixBytes());
            }
        }
    }

    private void gradientColumn(long a0, long a1, long a2, long a3, long to) {
        FloatVector y0 = load(a0);
        FloatVector y1 = load(a1);
        FloatVector y2 = load(a2);
        FloatVector y3 = load(a3);
        FloatVector even = y0.add(y2);
        FloatVector odd = y1.add(y3);
        FloatVector even2 = y2.mul(4f).add(y0);
        FloatVector odd2 = y1.mul(2f).add(y3.mul(8f));
        store(y0, to);
        store(even.add(odd), to + 4 * STEP);
        store(even.sub(odd), to + 8 * STEP);
        store(even2.add(odd2), to + 12 * STEP);
        store(even2.sub(odd2), to + 16 * STEP);
        store(y3, to + 20 * STEP);
    }

    private void gradientColumnOfRest(long a0, long a1, long a2, long a3, int channels, long to) {
        VectorMask<Float> mask = first(channels);
        FloatVector y0 = load(a0, mask);
        FloatVector y1 = load(a1, mask);
        FloatVector y2 = load(a2, mask);
        FloatVector y3 = load(a3, mask);
        FloatVector even = y0.add(y2);
        FloatVector odd = y1.add(y3);
        FloatVector even2 = y2.mul(4f).add(y0);
        FloatVector odd2 = y1.mul(2f).add(y3.mul(8f));
        store(y0, to);
        store(even.add(odd), to + 4 * STEP);
        store(even.sub(odd), to + 8 * STEP);
        store(even2.add(odd2), to + 12 * STEP);
        store(even2.sub(odd2), to + 16 * STEP);
        store(y3, to + 20 * STEP);
    }

    /** {@code A} times four values, for the six rows of the temporary. */
    private void gradientRows(long from, long target, long next) {
        for (int i = 0; i < 6; i++) {
            long at = from + 4 * i * STEP;
            long to = target + 6 * i * next;
            FloatVector y0 = load(at);
            FloatVector y1 = load(at + STEP);
            FloatVector y2 = load(at + 2 * STEP);
            FloatVector y3 = load(at + 3 * STEP);
            FloatVector even = y0.add(y2);
            FloatVector odd = y1.add(y3);
            FloatVector even2 = y2.mul(4f).add(y0);
            FloatVector odd2 = y1.mul(2f).add(y3.mul(8f));
            store(y0, to);
            store(even.add(odd), to + next);
            store(even.sub(odd), to + 2 * next);
            store(even2.add(odd2), to + 3 * next);
            store(even2.sub(odd2), to + 4 * next);
            store(y3, to + 5 * next);
        }
    }

    // ---------------------------------------------------------------- output

    /** {@code y = Aᵀ·m·A}: the 4x4 pixels of each tile, where the image has them. */
    void output(TileBuffers from, Tiles tiles, int first, int count, Matrix y) {
        int channels = y.columns();
        long pixel = (long) y.stride() * Float.BYTES;
        for (int t = 0; t < count; t++) {
            int top = tiles.top(first + t);
            int left = tiles.left(first + t);
            int lines = Math.min(4, tiles.height() - top);
            int columns = Math.min(4, tiles.width() - left);
            int corner = (tiles.image(first + t) * tiles.height() + top) * tiles.width() + left;
            for (int c = 0; c < channels; c += LANES) {
                outputColumns(from.element(t, c), from.matrixBytes(), from.temporary());
                for (int i = 0; i < lines; i++) {
                    long at = from.temporary() + 6 * i * STEP;
                    long to = y.at(corner + i * tiles.width(), c);
                    if (c + LANES <= channels) {
                        outputRow(at, to, pixel, columns);
                    } else {
                        outputRowOfRest(at, to, pixel, columns, channels - c);
                    }
                }
            }
        }
    }

    /** {@code Aᵀ} times the six columns. */
    private void outputColumns(long from, long next, long to) {
        for (int j = 0; j < 6; j++) {
            long at = from + j * next;
            FloatVector m1 = load(at + 6 * next);
            FloatVector m2 = load(at + 12 * next);
            FloatVector m3 = load(at + 18 * next);
            FloatVector m4 = load(at + 24 * next);
            FloatVector s1 = m1.add(m2);
            FloatVector s2 = m1.sub(m2);
            FloatVector s3 = m3.add(m4);
            FloatVector s4 = m3.sub(m4);
            long target = to + j * STEP;
            store(load(at).add(s1).add(s3), target);
            store(s4.mul(2f).add(s2), target + 6 * STEP);
            store(s3.mul(4f).add(s1), target + 12 * STEP);
            store(s4.mul(8f).add(s2).add(load(at + 30 * next)), target + 18 * STEP);
        }
    }

    /** Six values times {@code A}: four pixels of a line, or as many as the image has. */
    private void outputRow(long at, long to, long pixel, int columns) {
        FloatVector m1 = load(at + STEP);
        FloatVector m2 = load(at + 2 * STEP);
        FloatVector m3 = load(at + 3 * STEP);
        FloatVector m4 = load(at + 4 * STEP);
        FloatVector s1 = m1.add(m2);
        FloatVector s2 = m1.sub(m2);
        FloatVector s3 = m3.add(m4);
        FloatVector s4 = m3.sub(m4);
        store(load(at).add(s1).add(s3), to);
        if (columns > 1) {
            store(s4.mul(2f).add(s2), to + pixel);
        }
        if (columns > 2) {
            store(s3.mul(4f).add(s1), to + 2 * pixel);
        }
        if (columns > 3) {
            store(s4.mul(8f).add(s2).add(load(at + 5 * STEP)), to + 3 * pixel);
        }
    }

    /** {@link #outputRow} where there are fewer channels than a vector has. */
    private void outputRowOfRest(long at, long to, long pixel, int columns, int channels) {
        VectorMask<Float> mask = first(channels);
        FloatVector m1 = load(at + STEP);
        FloatVector m2 = load(at + 2 * STEP);
        FloatVector m3 = load(at + 3 * STEP);
        FloatVector m4 = load(at + 4 * STEP);
        FloatVector s1 = m1.add(m2);
        FloatVector s2 = m1.sub(m2);
        FloatVector s3 = m3.add(m4);
        FloatVector s4 = m3.sub(m4);
        store(load(at).add(s1).add(s3), to, mask);
        if (columns > 1) {
            store(s4.mul(2f).add(s2), to + pixel, mask);
        }
        if (columns > 2) {
            store(s3.mul(4f).add(s1), to + 2 * pixel, mask);
        }
        if (columns > 3) {
            store(s4.mul(8f).add(s2).add(load(at + 5 * STEP)), to + 3 * pixel, mask);
        }
    }
}
