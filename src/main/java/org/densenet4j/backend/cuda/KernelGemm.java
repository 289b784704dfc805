package org.densenet4j.backend.cuda;

import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;

/**
 * Matrix products by {@code cuda-kernels/gemm.cu}: for hosts without cuBLAS 12, and for tests.
 *
 * @param base device address of the arena
 */
record KernelGemm(KernelLauncher launcher, long base) implements Gemm {
    private static final int TILE = 64;

    @Override
    public void multiply(GemmShape s, Matrix a, Matrix b, Matrix c) {
        launcher.launch(
                "gemm",
                new Grid(Math.ceilDiv(s.n(), TILE), Math.ceilDiv(s.m(), TILE), Tiling.THREADS, 1),
                base + a.offset(),
                s.lda(),
                s.transposeA() ? 1 : 0,
                base + b.offset(),
                s.ldb(),
                s.transposeB() ? 1 : 0,
                base + c.offset(),
                s.ldc(),
                s.accumulate() ? 1 : 0,
                s.m(),
                s.n(),
                s.k());
    }
}
