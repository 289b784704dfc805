package org.densenet4j.backend.cuda;

import org.densenet4j.backend.GemmShape;

/** Matrix products on row-major operands by device address. */
interface Gemm extends AutoCloseable {
    /** {@code c = op(a)·op(b)}, or {@code c += op(a)·op(b)}, as the shape says. */
    void multiply(GemmShape shape, long a, long b, long c);

    @Override
    default void close() {}
}
