// C[m, n] = op(A)[m, k] * op(B)[k, n], optionally added to C; row-major with leading dimensions.
//
// cuBLAS does this job where it is installed. This is what runs where it is not (a host with only CUDA 13, which
// has no libcublas.so.12), and in the tests without a GPU: plain fp32, no tensor cores, the same order of sums
// from run to run.
//
// Shapes    A [m, k] or, transposed, stored as [k, m]; B [k, n] or stored as [n, k]; C [m, n]
// Bytes     4 * (m*k * n/64 + k*n * m/64) read through shared memory, 4 * m * n written
// Geometry  a block of 256 threads computes 64 x 64 of C in steps of 16 along k, a thread 4 x 4 of it
#include "common.cuh"

constexpr int TILE = 64;
constexpr int DEPTH = 16;

extern "C" __global__ void __launch_bounds__(THREADS)
    gemm(const float* a, int lda, int transposeA, const float* b, int ldb, int transposeB, float* c, int ldc,
         int accumulate, int m, int n, int k) {
    __shared__ float tileA[DEPTH][TILE + 1];
    __shared__ float tileB[DEPTH][TILE + 1];
    const int rowBase = blockIdx.y * TILE;
    const int columnBase = blockIdx.x * TILE;
    const int row = threadIdx.x / 16 * 4;
    const int column = threadIdx.x % 16 * 4;
    float sum[4][4] = {};
    for (int base = 0; base < k; base += DEPTH) {
        for (int i = threadIdx.x; i < TILE * DEPTH; i += THREADS) {
            // Neighbouring threads read neighbouring addresses, whichever way the operand is stored.
            const int depthA = transposeA ? i / TILE : i % DEPTH;
            const int rowA = transposeA ? i % TILE : i / DEPTH;
            const int depthB = transposeB ? i % DEPTH : i / TILE;
            const int columnB = transposeB ? i / DEPTH : i % TILE;
            const int p = base + depthA;
            const int q = base + depthB;
            const int r = rowBase + rowA;
            const int s = columnBase + columnB;
            tileA[depthA][rowA] =
                p < k && r < m ? (transposeA ? a[at(p, lda, r)] : a[at(r, lda, p)]) : 0.0f;
            tileB[depthB][columnB] =
                q < k && s < n ? (transposeB ? b[at(s, ldb, q)] : b[at(q, ldb, s)]) : 0.0f;
        }
        __syncthreads();
        for (int p = 0; p < DEPTH; p++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    sum[i][j] = fmaf(tileA[p][row + i], tileB[p][column + j], sum[i][j]);
                }
            }
        }
        __syncthreads();
    }
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            const int r = rowBase + row + i;
            const int s = columnBase + column + j;
            if (r < m && s < n) {
                float* target = c + at(r, ldc, s);
                *target = accumulate ? *target + sum[i][j] : sum[i][j];
            }
        }
    }
}
