package org.densenet4j.backend.cuda;

import org.densenet4j.backend.GemmShape;

/** Matrix products by {@code cuda-kernels/gemm.cu}: for hosts without cuBLAS 12, and for tests. */
record KernelGemm(KernelLauncher launcher) implements Gemm {
    private static final int TILE = 64;

    @Override
    public void multiply(GemmShape s, long a, long b, long c) {
        launcher.launch(
                "gemm",
                new Grid(Math.ceilDiv(s.n(), TILE), Math.ceilDiv(s.m(), TILE), Tiling.THREADS, 1),
                a,
                s.lda(),
                s.transposeA() ? 1 : 0,
                b,
                s.ldb(),
                s.transposeB() ? 1 : 0,
                c,
                s.ldc(),
                s.accumulate() ? 1 : 0,
                s.m(),
                s.n(),
                s.k());
    }
}
