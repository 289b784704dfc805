package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;

/**
 * A product of matrices in bfloat16 where oneDNN has none, below AVX-512: operands, and a result in
 * bfloat16, are float32 in a lane's scratch.
 *
 * @param shape of the product
 */
record WidenedProduct(GemmShape shape) {

    /** The product of the widened operands. */
    GemmShape floats() {
        return new GemmShape(
                shape.m(),
                shape.n(),
                shape.k(),
                shape.transposeA() ? shape.m() : shape.k(),
                shape.transposeB() ? shape.k() : shape.n(),
                narrows() ? shape.n() : shape.ldc(),
                shape.transposeA(),
                shape.transposeB(),
                shape.accumulate());
    }

    private boolean narrows() {
        return shape.result() != DataType.FLOAT32;
    }

    /** Bytes of what is widened. */
    long bytes() {
        return aBytes() + bBytes() + (narrows() ? Scratch.rounded(4L * shape.m() * shape.n()) : 0);
    }

    private long aBytes() {
        return Scratch.rounded(4L * shape.m() * shape.k());
    }

    private long bBytes() {
        return Scratch.rounded(4L * shape.k() * shape.n());
    }

    /**
     * Runs.
     *
     * @param room offset of memory for {@link #bytes}
     */
    void run(CpuArena arena, int lane, long room, Matrix a, Matrix b, Matrix c) {
        Matrix left = widened(arena, room, a, true);
        Matrix right = widened(arena, room + aBytes(), b, true);
        if (!narrows()) {
            arena.multiply(lane, floats(), left, right, c);
            return;
        }
        Matrix result = widened(arena, room + aBytes() + bBytes(), c, shape.accumulate());
        arena.multiply(lane, floats(), left, right, result);
        arena.kernels().copy(result, c);
    }

    private static Matrix widened(CpuArena arena, long offset, Matrix x, boolean filled) {
        Matrix floats = new Matrix(offset, x.rows(), x.columns(), x.columns(), DataType.FLOAT32);
        if (filled) {
            arena.kernels().copy(x, floats);
        }
        return floats;
    }
}
