package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkBlas;

import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasMath;
import jcuda.jcublas.cublasOperation;
import jcuda.runtime.cudaStream_t;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.GemmShape;

/** cuBLAS of CUDA 12 through JCuda. */
final class JCudaCublas extends Cublas {
    private static final Pointer ONE = Pointer.to(new float[] {1});
    private static final Pointer ZERO = Pointer.to(new float[] {0});

    private final CudaContext context;
    private final cublasHandle handle = new cublasHandle();
    private boolean closed;

    JCudaCublas(CudaContext context, boolean tensorFloat32) {
        this.context = context;
        context.enter();
        checkBlas(JCublas2.cublasCreate(handle), "starting cuBLAS");
        try {
            setStream();
            int math =
                    tensorFloat32
                            ? cublasMath.CUBLAS_TF32_TENSOR_OP_MATH
                            : cublasMath.CUBLAS_DEFAULT_MATH;
            // Parts of a sum that becomes bf16 are floats as long as they are added.
            int mode = math | cublasMath.CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
            checkBlas(JCublas2.cublasSetMathMode(handle, mode), "setting cuBLAS's precision");
        } catch (RuntimeException e) {
            JCublas2.cublasDestroy(handle);
            throw e;
        }
    }

    @Override
    void setStream() {
        context.enter();
        cudaStream_t stream = new cudaStream_t(context.stream());
        checkBlas(JCublas2.cublasSetStream(handle, stream), "giving cuBLAS its stream");
    }

    @Override
    void setWorkspace(long address, long bytes) {
        context.enter();
        checkBlas(
                JCublas2.cublasSetWorkspace(handle, new DeviceAddress(address), bytes),
                "giving cuBLAS its workspace");
    }

    @Override
    void multiply(GemmShape s, long a, long b, long c) {
        context.enter();
        checkBlas(s.operands() == DataType.FLOAT32 ? floats(s, a, b, c) : halves(s, a, b, c), s);
    }

    private int floats(GemmShape s, long a, long b, long c) {
        return JCublas2.cublasSgemm(
                handle,
                operation(s.transposeB()),
                operation(s.transposeA()),
                s.n(),
                s.m(),
                s.k(),
                ONE,
                new DeviceAddress(b),
                s.ldb(),
                new DeviceAddress(a),
                s.lda(),
                s.accumulate() ? ONE : ZERO,
                new DeviceAddress(c),
                s.ldc());
    }

    /** Operands in bf16, sums in float32, which the result is stored from. */
    private int halves(GemmShape s, long a, long b, long c) {
        return JCublas2.cublasGemmEx_new(
                handle,
                operation(s.transposeB()),
                operation(s.transposeA()),
                s.n(),
                s.m(),
                s.k(),
                ONE,
                new DeviceAddress(b),
                cudaDataType.CUDA_R_16BF,
                s.ldb(),
                new DeviceAddress(a),
                cudaDataType.CUDA_R_16BF,
                s.lda(),
                s.accumulate() ? ONE : ZERO,
                new DeviceAddress(c),
                s.result() == DataType.FLOAT32 ? cudaDataType.CUDA_R_32F : cudaDataType.CUDA_R_16BF,
                s.ldc(),
                cublasComputeType.CUBLAS_COMPUTE_32F,
                cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
    }

    private static int operation(boolean transposed) {
        return transposed ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            context.enter();
            checkBlas(JCublas2.cublasDestroy(handle), "closing cuBLAS");
        }
    }
}
