package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.GemmShape;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * cuBLAS by its C functions, for the versions that JCuda is not linked against: where PyTorch
 * brought CUDA 13, that is what there is. The functions used are the same in CUDA 12 and 13
 * (cublas_api.h).
 */
final class ForeignCublas extends Cublas {
    private static final int OP_N = 0;
    private static final int OP_T = 1;
    private static final int DEFAULT_MATH = 0;
    private static final int TF32_TENSOR_OP_MATH = 3;
    private static final int R_32F = 0;
    private static final int COMPUTE_32F = 68;
    private static final int COMPUTE_32F_FAST_TF32 = 77;
    private static final int GEMM_DEFAULT = -1;

    private final CudaContext context;
    private final int computeType;
    private final MethodHandle gemm;
    private final MethodHandle setStream;
    private final MethodHandle setWorkspace;
    private final MethodHandle destroy;
    private final MethodHandle statusString;
    private final MemorySegment one;
    private final MemorySegment zero;
    private final MemorySegment handle;
    private boolean closed;

    /**
     * @param functions the library's
     */
    ForeignCublas(SymbolLookup functions, CudaContext context, boolean tensorFloat32) {
        this.context = context;
        this.computeType = tensorFloat32 ? COMPUTE_32F_FAST_TF32 : COMPUTE_32F;
        Arena memory = Arena.ofAuto();
        this.one = memory.allocateFrom(JAVA_FLOAT, 1);
        this.zero = memory.allocateFrom(JAVA_FLOAT, 0);
        this.statusString =
                Linker.nativeLinker()
                        .downcallHandle(
                                functions.findOrThrow("cublasGetStatusString"),
                                FunctionDescriptor.of(ADDRESS, JAVA_INT));
        this.destroy = function(functions, "cublasDestroy_v2", ADDRESS);
        this.setWorkspace =
                function(functions, "cublasSetWorkspace_v2", ADDRESS, ADDRESS, JAVA_LONG);
        this.gemm =
                function(
                        functions,
                        "cublasGemmEx",
                        ADDRESS, // handle
                        JAVA_INT, // transa
                        JAVA_INT, // transb
                        JAVA_INT, // m
                        JAVA_INT, // n
                        JAVA_INT, // k
                        ADDRESS, // alpha
                        ADDRESS, // A
                        JAVA_INT, // Atype
                        JAVA_INT, // lda
                        ADDRESS, // B
                        JAVA_INT, // Btype
                        JAVA_INT, // ldb
                        ADDRESS, // beta
                        ADDRESS, // C
                        JAVA_INT, // Ctype
                        JAVA_INT, // ldc
                        JAVA_INT, // computeType
                        JAVA_INT); // algo
        MethodHandle create = function(functions, "cublasCreate_v2", ADDRESS);
        this.setStream = function(functions, "cublasSetStream_v2", ADDRESS, ADDRESS);
        MethodHandle setMathMode = function(functions, "cublasSetMathMode", ADDRESS, JAVA_INT);
        context.enter();
        MemorySegment out = memory.allocate(ADDRESS);
        check(call(create, out), "starting cuBLAS");
        this.handle = out.get(ADDRESS, 0);
        try {
            setStream();
            int math = tensorFloat32 ? TF32_TENSOR_OP_MATH : DEFAULT_MATH;
            check(call(setMathMode, handle, math), "setting cuBLAS's precision");
        } catch (RuntimeException e) {
            call(destroy, handle);
            throw e;
        }
    }

    private static MethodHandle function(
            SymbolLookup functions, String name, MemoryLayout... arguments) {
        return Linker.nativeLinker()
                .downcallHandle(
                        functions
                                .find(name)
                                .orElseThrow(
                                        () ->
                                                new DeviceException(
                                                        "cuBLAS lacks "
                                                                + name
                                                                + "; install version 12 or 13")),
                        FunctionDescriptor.of(JAVA_INT, arguments));
    }

    @Override
    void setStream() {
        context.enter();
        check(call(setStream, handle, context.stream().handle()), "giving cuBLAS its stream");
    }

    @Override
    void setWorkspace(long address, long bytes) {
        context.enter();
        check(
                call(setWorkspace, handle, MemorySegment.ofAddress(address), bytes),
                "giving cuBLAS its workspace");
    }

    @Override
    void multiply(GemmShape s, long a, long b, long c) {
        context.enter();
        MemorySegment beta = s.accumulate() ? one : zero;
        int status;
        try {
            status =
                    (int)
                            gemm.invokeExact(
                                    handle,
                                    s.transposeB() ? OP_T : OP_N,
                                    s.transposeA() ? OP_T : OP_N,
                                    s.n(),
                                    s.m(),
                                    s.k(),
                                    one,
                                    MemorySegment.ofAddress(b),
                                    R_32F,
                                    s.ldb(),
                                    MemorySegment.ofAddress(a),
                                    R_32F,
                                    s.lda(),
                                    beta,
                                    MemorySegment.ofAddress(c),
                                    R_32F,
                                    s.ldc(),
                                    computeType,
                                    GEMM_DEFAULT);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
        check(status, s);
    }

    /** Calls a function that is called seldom. */
    private static int call(MethodHandle function, Object... arguments) {
        try {
            return (int) function.invokeWithArguments(Arrays.asList(arguments));
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private void check(int status, Object operation) {
        if (status == 0) {
            return;
        }
        try {
            MemorySegment text = (MemorySegment) statusString.invokeExact(status);
            throw CudaStatus.blasFailure(operation, text.reinterpret(Long.MAX_VALUE).getString(0));
        } catch (RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            context.enter();
            check(call(destroy, handle), "closing cuBLAS");
        }
    }
}
