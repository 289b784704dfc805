// The gradient of a dense layer's bottleneck and of the batch normalisations on both sides of it, reading X and G once:
//
//   dZ = a * dT + b + c * (z - mean2)                 batch norm of Z, whose sums are finished
//   g  = (dZ * W)[r, c] where x * scale + shift > 0   else 0
//   G[:, :K] += factor * g                            in place
//   sums of g and of g * (x - mean)                   per channel, for dbeta, dgamma and the deferred correction
//   dW[n, c] = sum over rows of dZ[r, n] * relu(x * scale + shift)[r, c]
//
// Shapes    dT, z [rows, N]; correction2 [3, N]; x, G [rows, K]; w [NT, wStride] as pack_pointwise_weights leaves it;
//           weightTiles [blocks along y, N, K] and tiles [blocks along y, 2, K]: each block's sums, which add_parts and
//           combine_sums add in order
// Needs     rows that start on 16 bytes, N a multiple of a chunk, N <= NT, K a multiple of 2
// Bytes     x and G read once, G written once; dT and z read for each BC columns, from the level-2 cache for all but one,
//           since blocks of one share of the rows are neighbours
// Geometry  (K / BC, shares): a block owns BC columns and tilesOfBlock tiles of BM rows, of which the last comes first
//           (fragments.cuh, Tiles); its part of dW stays in registers
// Shared    two stages of x, G [BM, BC] and of dT, z [BM, NT]; w [NT, BC]; the columns' vectors
//
// Everything is replaced in place: dT by dZ, G by the new G, x by relu(x * scale + shift), so each value is converted
// once.
#pragma once
#include "fragments.cuh"

template <class T>
struct PointwiseGradient {
    const T* dT;
    int dTStride;
    const T* z;
    int zStride;
    const float* correction2;  // a; b and c lie correction2Stride apart
    int correction2Stride;
    const float* mean2;
    const T* x;
    int xStride;
    const float* scale;
    const float* shift;
    const float* mean;
    const float* factor;
    const T* w;
    int wStride;
    T* G;
    int gStride;
    int rows;
    int K;
    int N;
    int tilesOfBlock;
    bool giveWay;  // x and G, in the cache
    float* weightTiles;
    float* tiles;
};

template <class T, int BM, int BC, int NT, int WR, int WC>
struct PointwiseBackward {
    static constexpr int BLOCK_THREADS = WR * WC * 32;
    static constexpr int PX = panels<T>(BC);  // of X, G and W
    static constexpr int PN = panels<T>(NT);  // of dT and Z
    static constexpr int CX = PX * 8;         // chunks of a row
    static constexpr int CN = PN * 8;
    static constexpr int MA = BM / WR / 16;  // fragments of dA
    static constexpr int NA = BC / WC / 8;
    static constexpr int MW = NT / WR / 16;  // of dW, in the same columns
    // Steps of dZ * W that are unrolled: the addresses of more would not stay in registers beside dW.
    static constexpr int STEPS_AT_ONCE = sizeof(T) == 2 && NT > 96 ? 4 : NT / STEP<T>;
    static_assert(NA % 2 == 0 && MA >= 1 && NT % (16 * WR) == 0 && BLOCK_THREADS % CX == 0 && BLOCK_THREADS % CN == 0,
                  "shape");
    static_assert(BM * CX % BLOCK_THREADS == 0 && BM * CN % BLOCK_THREADS == 0, "whole passes");
    static constexpr unsigned PANEL = BM * PANEL_ROW_BYTES;
    static constexpr unsigned G_AT = PANEL * PX;
    static constexpr unsigned T_AT = 2 * G_AT;
    static constexpr unsigned Z_AT = T_AT + PANEL * PN;
    static constexpr unsigned STAGE = Z_AT + PANEL * PN;
    static constexpr unsigned W_AT = 2 * STAGE;
    static constexpr unsigned COLUMNS_AT = W_AT + NT * PANEL_ROW_BYTES * PX;  // (scale, shift, mean, factor) of each
    static constexpr unsigned END = COLUMNS_AT + BC * 16;

    static __device__ __forceinline__ void run(const PointwiseGradient<T>& p) {
        DYNAMIC_SHARED(END);
        const int lane = threadIdx.x % 32;
        const int warp = threadIdx.x / 32;
        const int wr = warp % WR;
        const int wc = warp / WR;
        const int g = lane >> 2;
        const int t = lane & 3;
        const int c0 = blockIdx.x * BC;
        const Tiles share(p.rows, BM, p.tilesOfBlock, blockIdx.y);

        const int xChunk = threadIdx.x % CX;
        const int xRow = threadIdx.x / CX;
        const int nChunk = threadIdx.x % CN;
        const int nRow = threadIdx.x / CN;
        const bool nOn = nChunk * CHUNK<T> < p.N;
        const int xBytes = max(0, min(CHUNK_BYTES, (p.K - c0 - xChunk * CHUNK<T>) * static_cast<int>(sizeof(T))));
        const auto load = [&](int tile, unsigned at) {
            const Keeping keeping(p.giveWay);  // of each tile: kept from one to the next it takes registers that are not there
#pragma unroll
            for (int i = 0; i < BM * CX / BLOCK_THREADS; i++) {
                const int r = xRow + i * (BLOCK_THREADS / CX);
                const int row = tile * BM + r;
                const bool on = row < p.rows && xBytes > 0;
                const unsigned to = at + xChunk / 8 * PANEL + in_panel<T>(r, xChunk % 8);
                const size_t column = c0 + xChunk * CHUNK<T>;
                cp_async16(shared, to, on ? p.x + static_cast<size_t>(row) * p.xStride + column : p.x, on ? xBytes : 0,
                           keeping);
                cp_async16(shared, to + G_AT, on ? p.G + static_cast<size_t>(row) * p.gStride + column : p.G,
                           on ? xBytes : 0, keeping);
            }
#pragma unroll
            for (int i = 0; i < BM * CN / BLOCK_THREADS; i++) {
                const int r = nRow + i * (BLOCK_THREADS / CN);
                const int row = tile * BM + r;
                const bool on = row < p.rows && nOn;
                const unsigned to = at + T_AT + nChunk / 8 * PANEL + in_panel<T>(r, nChunk % 8);
                const size_t column = nChunk * CHUNK<T>;
                cp_async16(shared, to, on ? p.dT + static_cast<size_t>(row) * p.dTStride + column : p.dT,
                           on ? CHUNK_BYTES : 0);
                cp_async16(shared, to + (Z_AT - T_AT), on ? p.z + static_cast<size_t>(row) * p.zStride + column : p.z,
                           on ? CHUNK_BYTES : 0);
            }
        };
        for (int i = threadIdx.x; i < NT * CX; i += BLOCK_THREADS) {
            const int r = i / CX;
            const int c = i % CX;
            cp_async16(shared, W_AT + c / 8 * NT * PANEL_ROW_BYTES + in_panel<T>(r, c % 8),
                       p.w + static_cast<size_t>(r) * p.wStride + c0 + c * CHUNK<T>, CHUNK_BYTES);
        }
        load(share.end - 1, 0);
        cp_commit();
        for (int c = threadIdx.x; c < BC; c += BLOCK_THREADS) {
            const int k = c0 + c;
            const bool on = k < p.K;
            lane_sts(shared, COLUMNS_AT + c * 16,
                     float4{on ? p.scale[k] : 0.0f, on ? p.shift[k] : 0.0f, on ? p.mean[k] : 0.0f,
                            on ? p.factor[k] : 0.0f});
        }
        // dZ = factorT * dT + factorZ * z + constant
        float factorT[CHUNK<T>];
        float factorZ[CHUNK<T>];
        float constant[CHUNK<T>];
#pragma unroll
        for (int i = 0; i < CHUNK<T>; i++) {
            const int n = nChunk * CHUNK<T> + i;
            const float c = nOn ? p.correction2[2 * p.correction2Stride + n] : 0.0f;
            factorT[i] = nOn ? p.correction2[n] : 0.0f;
            factorZ[i] = c;
            constant[i] = nOn ? p.correction2[p.correction2Stride + n] - c * p.mean2[n] : 0.0f;
        }
        float dW[MW][NA][4];
        clear(dW);
        float sumG[2 * NA];
        float sumGX[2 * NA];
#pragma unroll
        for (int i = 0; i < 2 * NA; i++) {
            sumG[i] = sumGX[i] = 0.0f;
        }

        unsigned at = STAGE;
        for (int tile = share.end - 1; tile >= share.first; tile--) {
            at = STAGE - at;
            cp_wait<0>();
            __syncthreads();
            if (tile > share.first) {
                load(tile - 1, STAGE - at);
                cp_commit();
            }
            if (nOn) {
#pragma unroll
                for (int i = 0; i < BM * CN / BLOCK_THREADS; i++) {
                    const int r = nRow + i * (BLOCK_THREADS / CN);
                    const unsigned to = at + T_AT + nChunk / 8 * PANEL + in_panel<T>(r, nChunk % 8);
                    float v[CHUNK<T>];
                    float zv[CHUNK<T>];
                    unpack(lane_lds<uint4>(shared, to), v);
                    unpack(lane_lds<uint4>(shared, to + (Z_AT - T_AT)), zv);
                    const bool on = tile * BM + r < p.rows;
#pragma unroll
                    for (int j = 0; j < CHUNK<T>; j++) {
                        v[j] = on ? fmaf(factorT[j], v[j], fmaf(factorZ[j], zv[j], constant[j])) : 0.0f;
                    }
                    lane_sts(shared, to, operand_chunk(v));
                }
            }
            __syncthreads();
            float dA[MA][NA][4];
            clear(dA);
#pragma unroll STEPS_AT_ONCE
            for (int step = 0; step < NT / STEP<T>; step++) {
                unsigned a[MA][4];
#pragma unroll
                for (int m = 0; m < MA; m++) {
                    const int r = wr * (BM / WR) + m * 16 + lane % 16;
                    ldmatrix_x4(a[m], shared, at + T_AT + step / 4 * PANEL + in_panel<T>(r, step % 4 * 2 + lane / 16));
                }
#pragma unroll
                for (int n = 0; n < NA; n += 2) {
                    unsigned b[4];
                    Transposed<T>::b(b, shared, W_AT, NT, step * STEP<T>, wc * (BC / WC) + n * 8, lane);
#pragma unroll
                    for (int m = 0; m < MA; m++) {
                        multiply_pair<T>(dA[m], n, a[m], b);
                    }
                }
            }
#pragma unroll
            for (int n = 0; n < NA; n++) {
                const int column = wc * (BC / WC) + n * 8 + 2 * t;
                const float4 f0 = lds<float4>(shared, COLUMNS_AT + column * 16);
                const float4 f1 = lds<float4>(shared, COLUMNS_AT + column * 16 + 16);
#pragma unroll
                for (int m = 0; m < MA; m++) {
#pragma unroll
                    for (int half = 0; half < 2; half++) {
                        using Word = typename Pair<T>::Word;
                        const int r = wr * (BM / WR) + m * 16 + half * 8 + g;
                        const unsigned to = at + column / (8 * CHUNK<T>)*PANEL +
                                            in_panel<T>(r, column / CHUNK<T> % 8) +
                                            column % CHUNK<T> * static_cast<int>(sizeof(T));
                        const Word x = lds<Word>(shared, to);
                        const Word old = lds<Word>(shared, to + G_AT);
                        const float x0 = Pair<T>::first(x);
                        const float x1 = Pair<T>::second(x);
                        const float n0 = fmaf(x0, f0.x, f0.y);
                        const float n1 = fmaf(x1, f1.x, f1.y);
                        const float g0 = n0 > 0.0f ? dA[m][n][2 * half] : 0.0f;
                        const float g1 = n1 > 0.0f ? dA[m][n][2 * half + 1] : 0.0f;
                        sumG[2 * n] += g0;
                        sumG[2 * n + 1] += g1;
                        sumGX[2 * n] = fmaf(g0, x0 - f0.z, sumGX[2 * n]);
                        sumGX[2 * n + 1] = fmaf(g1, x1 - f1.z, sumGX[2 * n + 1]);
                        sts(shared, to + G_AT,
                            Pair<T>::of(fmaf(f0.w, g0, Pair<T>::first(old)), fmaf(f1.w, g1, Pair<T>::second(old))));
                        sts(shared, to, Pair<T>::operand(relu(n0), relu(n1)));
                    }
                }
            }
            __syncthreads();
            const Keeping keeping(p.giveWay);
#pragma unroll
            for (int i = 0; i < BM * CX / BLOCK_THREADS; i++) {
                const int r = xRow + i * (BLOCK_THREADS / CX);
                const int row = tile * BM + r;
                if (row < p.rows && xBytes > 0) {
                    const unsigned from = at + G_AT + xChunk / 8 * PANEL + in_panel<T>(r, xChunk % 8);
                    store_chunk(p.G + static_cast<size_t>(row) * p.gStride + c0 + xChunk * CHUNK<T>,
                                lane_lds<uint4>(shared, from), xBytes, keeping);
                }
            }
#pragma unroll
            for (int step = 0; step < BM / STEP<T>; step++) {
                unsigned b[NA / 2][4];
#pragma unroll
                for (int n = 0; n < NA; n += 2) {
                    Transposed<T>::b(b[n / 2], shared, at, BM, step * STEP<T>, wc * (BC / WC) + n * 8, lane);
                }
#pragma unroll
                for (int m = 0; m < MW; m++) {
                    unsigned a[4];
                    Transposed<T>::a(a, shared, at + T_AT, BM, step * STEP<T>, wr * (NT / WR) + m * 16, lane);
#pragma unroll
                    for (int n = 0; n < NA; n += 2) {
                        multiply_pair<T>(dW[m], n, a, b[n / 2]);
                    }
                }
            }
        }
        cp_wait<0>();
        write_weights(p, dW, wr, wc, c0, g, t);
        __syncthreads();
        for_column_sums<NA>(sumG, sumGX, lane, [&](int column, float s, float q) {  // [WR, 2, BC]
            const unsigned to = (2 * wr * BC + wc * (BC / WC) + column) * 4;
            lane_sts(shared, to, s);
            lane_sts(shared, to + BC * 4, q);
        });
        __syncthreads();
        for (int i = threadIdx.x; i < 2 * BC; i += BLOCK_THREADS) {
            float s = 0.0f;
            for (int r = 0; r < WR; r++) {
                s += lane_lds<float>(shared, (2 * r * BC + i) * 4);
            }
            if (c0 + i % BC < p.K) {
                p.tiles[(static_cast<size_t>(blockIdx.y) * 2 + i / BC) * p.K + c0 + i % BC] = s;
            }
        }
    }

    // A chunk, or the first columns of one behind which there are none of the layer's.
    static __device__ __forceinline__ void store_chunk(T* to, uint4 v, int bytes, Keeping keeping) {
        if (bytes == CHUNK_BYTES) {
            stg(to, v, keeping);
            return;
        }
        const unsigned u[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (int j = 0; j < 3; j++) {
            if (4 * j < bytes) {
                stg(reinterpret_cast<unsigned char*>(to) + 4 * j, u[j], keeping);
            }
        }
    }

    static __device__ __forceinline__ void write_weights(const PointwiseGradient<T>& p, const float (&dW)[MW][NA][4],
                                                         int wr, int wc, int c0, int g, int t) {
#pragma unroll
        for (int m = 0; m < MW; m++) {
#pragma unroll
            for (int n = 0; n < NA; n++) {
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    const int row = wr * (NT / WR) + m * 16 + half * 8 + g;
                    const int column = c0 + wc * (BC / WC) + n * 8 + 2 * t;
                    if (row < p.N && column < p.K) {
                        stg(p.weightTiles + (static_cast<size_t>(blockIdx.y) * p.N + row) * p.K + column,
                            float2{dW[m][n][2 * half], dW[m][n][2 * half + 1]});
                    }
                }
            }
        }
    }
};

#define POINTWISE_BACKWARD(suffix, T, BM, BC, NT, WR, WC, BLOCKS_OF_MULTIPROCESSOR)                                     \
    BOUNDED(pointwise_backward##suffix, (WR) * (WC) * 32) \
    extern "C" __global__ void __launch_bounds__((WR) * (WC) * 32, BLOCKS_OF_MULTIPROCESSOR)                            \
        pointwise_backward##suffix(                                                                                     \
            const T* __restrict__ dT, int dTStride, const T* __restrict__ z, int zStride,                               \
            const float* __restrict__ correction2, int correction2Stride, const float* __restrict__ mean2,              \
            const T* __restrict__ x, int xStride, const float* __restrict__ affine, int affineStride,                   \
            const float* __restrict__ mean, const float* __restrict__ factor, const T* __restrict__ w, int wStride,     \
            T* __restrict__ G, int gStride, int rows, int inputs, int outputs, int tilesOfBlock, int giveWay,           \
            float* __restrict__ weightTiles, float* __restrict__ tiles) {                                               \
        PointwiseBackward<T, BM, BC, NT, WR, WC>::run(PointwiseGradient<T>{                                             \
            dT, dTStride, z, zStride, correction2, correction2Stride, mean2, x, xStride, affine, affine + affineStride, \
            mean, factor, w, wStride, G, gStride, rows, inputs, outputs, tilesOfBlock, giveWay != 0, weightTiles,       \
            tiles});                                                                                                    \
    }
