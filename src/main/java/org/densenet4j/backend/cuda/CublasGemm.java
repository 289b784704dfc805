package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkBlas;

import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasMath;
import jcuda.jcublas.cublasOperation;
import jcuda.runtime.cudaStream_t;

import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;

/**
 * Matrix products by cuBLAS, whose workspace is part of the arena.
 *
 * <p>cuBLAS is column-major: it sees each of our row-major operands transposed, so {@code Cᵀ =
 * Bᵀ·Aᵀ} is asked for, which is the same memory.
 */
final class CublasGemm implements Gemm {
    /** What NVIDIA recommends: 32 MiB on Hopper and newer, 4 MiB before. */
    static long workspaceBytes(int capabilityMajor) {
        return capabilityMajor >= 9 ? 32L << 20 : 4L << 20;
    }

    private static final Pointer ONE = Pointer.to(new float[] {1});
    private static final Pointer ZERO = Pointer.to(new float[] {0});

    private final CudaContext context;
    private final CUdeviceptr base;
    private final cublasHandle handle = new cublasHandle();

    /**
     * @param base the arena
     * @param tensorFloat32 whether products may round their operands to TF32
     */
    CublasGemm(
            CudaContext context,
            CUdeviceptr base,
            long workspaceOffset,
            long workspaceBytes,
            boolean tensorFloat32) {
        this.context = context;
        this.base = base;
        context.enter();
        checkBlas(JCublas2.cublasCreate(handle), "starting cuBLAS");
        cudaStream_t stream = new cudaStream_t(context.stream());
        checkBlas(JCublas2.cublasSetStream(handle, stream), "giving cuBLAS its stream");
        checkBlas(
                JCublas2.cublasSetWorkspace(
                        handle, base.withByteOffset(workspaceOffset), workspaceBytes),
                "giving cuBLAS its workspace");
        int math =
                tensorFloat32
                        ? cublasMath.CUBLAS_TF32_TENSOR_OP_MATH
                        : cublasMath.CUBLAS_DEFAULT_MATH;
        checkBlas(JCublas2.cublasSetMathMode(handle, math), "setting cuBLAS's precision");
    }

    @Override
    public void multiply(GemmShape s, Matrix a, Matrix b, Matrix c) {
        context.enter();
        int status =
                JCublas2.cublasSgemm(
                        handle,
                        operation(s.transposeB()),
                        operation(s.transposeA()),
                        s.n(),
                        s.m(),
                        s.k(),
                        ONE,
                        base.withByteOffset(b.offset()),
                        s.ldb(),
                        base.withByteOffset(a.offset()),
                        s.lda(),
                        s.accumulate() ? ONE : ZERO,
                        base.withByteOffset(c.offset()),
                        s.ldc());
        checkBlas(status, s);
    }

    private static int operation(boolean transposed) {
        return transposed ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
    }

    @Override
    public void close() {
        context.enter();
        JCublas2.cublasDestroy(handle);
    }
}
