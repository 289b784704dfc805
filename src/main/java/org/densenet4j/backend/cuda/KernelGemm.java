package org.densenet4j.backend.cuda;

import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;

import java.util.List;

/**
 * Matrix products by {@code cuda-kernels/gemm.cu}: for hosts without cuBLAS, and for tests. The
 * order of sums is the same from run to run.
 */
record KernelGemm(ProductKernels products) implements Gemm {
    private static final List<ProductTiling.Tile> TILES =
            List.of(new ProductTiling.Tile(128, 64), new ProductTiling.Tile(64, 64));

    /** Bytes of scratch with which a product fills a device of so many multiprocessors. */
    static long scratchBytes(GemmShape s, int multiprocessors) {
        return ProductTiling.of(s.m(), s.n(), s.k(), TILES, multiprocessors, Long.MAX_VALUE)
                .scratchBytes();
    }

    @Override
    public void multiply(GemmShape s, Matrix a, Matrix b, Matrix c) {
        products.launch(
                "gemm",
                TILES,
                s.k(),
                s.operands(),
                c,
                s.accumulate(),
                Traffic.reading(a, b).computing(s.flops()),
                products.address(a),
                s.lda(),
                s.transposeA() ? 1 : 0,
                products.aligned(a),
                products.address(b),
                s.ldb(),
                s.transposeB() ? 1 : 0,
                products.aligned(b));
    }
}
