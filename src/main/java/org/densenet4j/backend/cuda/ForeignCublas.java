package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.backend.DataType;
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
    private static final int DISALLOW_REDUCED_PRECISION_REDUCTION = 16;
    private static final int R_32F = 0;
    private static final int R_16BF = 14;
    private static final int COMPUTE_32F = 68;
    private static final int COMPUTE_32F_FAST_TF32 = 77;
    private static final int GEMM_DEFAULT = -1;

    private final CudaContext context;
    private final int computeTypeOfFloats;
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
        this.computeTypeOfFloats = tensorFloat32 ? COMPUTE_32F_FAST_TF32 : COMPUTE_32F;
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
            // Parts of a sum that becomes bf16 are floats as long as they are added.
            int mode = math | DISALLOW_REDUCED_PRECISION_REDUCTION;
            check(call(setMathMode, handle, mode), "setting cuBLAS's precision");
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
        int operands = code(s.operands());
        int computeType = operands == R_32F ? computeTypeOfFloats : COMPUTE_32F;
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
                                    operands,
                                    s.ldb(),
                                    MemorySegment.ofAddress(a),
                                    operands,
                                    s.lda(),
                                    beta,
                                    MemorySegment.ofAddress(c),
                                    code(s.result()),
                                    s.ldc(),
                                    computeType,
                                    GEMM_DEFAULT);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
        check(status, s);
    }

    private static int code(DataType type) {
        return type == DataType.FLOAT32 ? R_32F : R_16BF;
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
