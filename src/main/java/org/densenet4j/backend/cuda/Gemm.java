package org.densenet4j.backend.cuda;

import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;

/** Matrix products on row-major matrices of an arena. */
interface Gemm {
    /** {@code c = op(a)·op(b)}, or {@code c += op(a)·op(b)}, as the shape says. */
    void multiply(GemmShape shape, Matrix a, Matrix b, Matrix c);
}
