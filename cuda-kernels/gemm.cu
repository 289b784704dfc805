// C[m, n] = op(A)[m, k] * op(B)[k, n], optionally added to C; row-major with leading dimensions.
//
// cuBLAS does this job where it is installed. This is what runs where it is not, and in the tests without a GPU:
// float32, or on tensor cores with operands rounded to TF32, with the same order of sums from run to run. Operands in
// bf16 are multiplied as they are.
//
// Shapes    A [m, k] or, transposed, stored as [k, m]; B [k, n] or stored as [n, k]; C [m, n]
// Bytes, geometry  see tile_product.cuh; add_parts follows where the depth k is cut into parts
#include "tile_product.cuh"

template <int M, int N, class Arithmetic, class T, class Result>
__device__ __forceinline__ void gemm(const T* a, int lda, int transposeA, int alignedA, const T* b, int ldb,
                                     int transposeB, int alignedB, Result result, int k, int depthOfPart) {
    const StridedOperand<T> left{a, lda, result.m, transposeA == 0, alignedA != 0};
    const StridedOperand<T> right{b, ldb, result.n, transposeB != 0, alignedB != 0};
    tile_product<M, N, Arithmetic>(left, right, result, k, depthOfPart);
}

#define GEMM(M, N)                                                                                                  \
    PRODUCT_KERNELS(gemm, M, N,                                                                                     \
                    (const Source* a, int lda, int transposeA, int alignedA, const Source* b, int ldb, int transposeB, \
                     int alignedB, Stored* c, int ldc, int add, int alignedC, int m, int n, int k, int depthOfPart), \
                    (a, lda, transposeA, alignedA, b, ldb, transposeB, alignedB,                                    \
                     Result<Stored>{c, ldc, add != 0, alignedC != 0, m, n}, k, depthOfPart))

GEMM(128, 64)
GEMM(64, 64)
