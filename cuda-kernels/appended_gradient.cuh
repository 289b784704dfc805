// The gradients of a dense layer's 3x3 convolution. dY, the finished gradient of the layer's k columns, is never stored:
// dY = drop(a * G + b + c * (x - mean)) is made as G and X are read, in registers, one tile ahead.
//
// AppendedData     dT[rows, channels] = conv3x3^T(dY) where z * scale + shift > 0, else 0, with the sums of dT and of
//                  dT * (z - mean2)
// AppendedWeights  dW[tap, c, n] = sum over pixels of dY[q, n] * relu(z * scale + shift)[q + tap, c]
//
// Both read the same. So one launch, appended_gradient, makes both, every other block the one or the other: where both
// have the same shares of the pixels, their blocks read the same at about the same time, and what the first has read the
// second finds in the level-2 cache.
//
// Shapes    G, x the layer's k columns of the block's gradient and of the block; correction [3, k]; z, dT [rows, channels];
//           w [9, NEW, channels to 128 bytes] as pack_appended_weights leaves it; tiles [shares, 2, channels], which
//           combine_sums adds; weightTiles [shares, 9, channels, k], which add_parts adds
// Needs     rows of z and dT that start on 16 bytes, k a multiple of 4, an even number of columns before them, channels a multiple of a chunk, channels <=
//           CHANNELS, k <= NEW
// Bytes     G, x of k columns and z read, with a line of pixels on both sides of a block's share, once by each of two
//           blocks, of which one finds them in the cache; dT written
// Geometry  even blocks for the data, odd ones for the weights, as many of each; those without a share leave at once. A
//           block has PART of the channels, which are all where weights or sums of all fit a multiprocessor, and
//           tilesOfBlock tiles of BM pixels. The blocks of one share of the pixels are neighbours, and make the same dY.
//           Where one of the two has fewer threads than the launch, the others leave at once.
// Shared    AppendedData: the ring of dY, all weights, two tiles of z; AppendedWeights: the ring of z, two tiles of dY
#pragma once
#include "dropout.cuh"
#include "pixel_ring.cuh"

template <class T>
struct AppendedGradient {
    const T* G;
    int gStride;
    const T* x;
    int xStride;
    const float* correction;  // a; b and c lie correctionStride apart
    int correctionStride;
    const float* mean;
    Dropout dropout;
    const T* z;
    int zStride;
    const float* scale;
    const float* shift;
    int k;
    int channels;
    int rows;
    int height;
    int width;
    int R;  // rows of the ring
    int tilesOfBlock;
    int block;  // among those of its kind

    // Blocks beside each other, each with a PART of the channels.
    template <int CHANNELS, int PART>
    __device__ __forceinline__ int parts() const {
        static_assert(PART == CHANNELS || PART % (PANEL_ROW_BYTES / static_cast<int>(sizeof(T))) == 0, "whole panels");
        return PART == CHANNELS ? 1 : (channels + PART - 1) / PART;
    }

    // The first of the block's PART of CHANNELS.
    template <int CHANNELS, int PART>
    __device__ __forceinline__ int first_channel() const {
        return block % parts<CHANNELS, PART>() * PART;
    }

    // Which share of the pixels the block has.
    template <int CHANNELS, int PART>
    __device__ __forceinline__ int share() const {
        return block / parts<CHANNELS, PART>();
    }
};

// dY of BM pixels, in pieces of four channels: fetched into registers, then stored as operands.
template <class T, int BM, int NEW, int BLOCK_THREADS>
struct NewGradient {
    static constexpr int PIECES = NEW / 4;
    static constexpr int EACH = BM * PIECES / BLOCK_THREADS;
    static_assert(BM * PIECES % BLOCK_THREADS == 0 && BLOCK_THREADS % PIECES == 0, "whole passes");
    using Word = typename Four<T>::Word;
    Word g[EACH];
    Word x[EACH];
    float a[4];
    float b[4];
    float c[4];
    int piece;
    int row;
    bool on;
    bool aligned;

    __device__ __forceinline__ explicit NewGradient(const AppendedGradient<T>& p) {
        piece = threadIdx.x % PIECES;
        row = threadIdx.x / PIECES;
        on = piece * 4 < p.k;
        aligned = are_four_aligned(p.G, p.gStride) && are_four_aligned(p.x, p.xStride);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int n = piece * 4 + i;
            a[i] = on ? p.correction[n] : 0.0f;
            c[i] = on ? p.correction[2 * p.correctionStride + n] : 0.0f;
            b[i] = on ? p.correction[p.correctionStride + n] - c[i] * p.mean[n] : 0.0f;
        }
    }

    __device__ __forceinline__ void fetch(const AppendedGradient<T>& p, int first) {
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            const int q = first + row + i * (BLOCK_THREADS / PIECES);
            g[i] = x[i] = Word{};
            if (on && q >= 0 && q < p.rows) {
                g[i] = load_four(p.G + static_cast<size_t>(q) * p.gStride + piece * 4, aligned);
                x[i] = load_four(p.x + static_cast<size_t>(q) * p.xStride + piece * 4, aligned);
            }
        }
    }

    // Pixels before the first and behind the last become 0. `ring` maps a row of the tile to a row of the panels of
    // `panelRows` rows at `at`; rows from `count` on are left out.
    template <class Ring>
    __device__ __forceinline__ void store(const AppendedGradient<T>& p, unsigned char* shared, unsigned at, int panelRows,
                                          int first, int count, Ring ring) const {
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            const int r = row + i * (BLOCK_THREADS / PIECES);
            const int q = first + r;
            const bool inside = q >= 0 && q < p.rows;
            float gv[4];
            float xv[4];
            Four<T>::unpack(g[i], gv);
            Four<T>::unpack(x[i], xv);
            Channels<4> dY;
#pragma unroll
            for (int j = 0; j < 4; j++) {
                dY.v[j] = inside ? fmaf(a[j], gv[j], fmaf(c[j], xv[j], b[j])) : 0.0f;
            }
            if (inside && on) {
                drop(dY, static_cast<unsigned long long>(q) * p.k + piece * 4, p.dropout);
            }
            if (r < count) {
                const unsigned byte = piece * static_cast<unsigned>(sizeof(Word));
                lane_sts(shared,
                         at + byte / PANEL_ROW_BYTES * panelRows * PANEL_ROW_BYTES +
                             in_panel<T>(ring(r), byte / CHUNK_BYTES % 8) + byte % CHUNK_BYTES,
                         Four<T>::operand(dY.v));
            }
        }
    }
};

template <class T, int BM, int CHANNELS, int PART, int NEW, int WR, int WC>
struct AppendedData {
    static constexpr int BLOCK_THREADS = WR * WC * 32;
    static constexpr int ROWS_OF_TILE = BM;
    static constexpr int PC = panels<T>(PART);
    static constexpr int CHUNKS = PC * 8;
    static constexpr int PK = panels<T>(NEW);
    static constexpr int MA = BM / WR / 16;
    static constexpr int NA = PART / WC / 8;
    static constexpr unsigned Z_PANEL = BM * PANEL_ROW_BYTES;
    static_assert(NA % 2 == 0 && MA >= 1 && BLOCK_THREADS % CHUNKS == 0 && NEW % STEP<T> == 0, "shape");

    unsigned weightsAt, zAt, columnsAt, end;

    __device__ __forceinline__ explicit AppendedData(int R) {
        weightsAt = ring_bytes(R) * PK;
        zAt = weightsAt + 9 * NEW * PANEL_ROW_BYTES * PC;
        columnsAt = zAt + 2 * Z_PANEL * PC;  // (scale, shift, mean2, 0) of each channel
        end = columnsAt + PART * 16;
    }

    static __device__ __forceinline__ int share_of(const AppendedGradient<T>& p) {
        return p.template share<CHANNELS, PART>();
    }

    static __device__ __forceinline__ void run(const AppendedGradient<T>& p, const float* __restrict__ mean2,
                                               const T* __restrict__ w, T* __restrict__ dT, int dTStride,
                                               float* __restrict__ tiles) {
        const int R = p.R;
        const AppendedData at(R);
        DYNAMIC_SHARED(at.end);
        const int lane = threadIdx.x % 32;
        const int warp = threadIdx.x / 32;
        const int wr = warp % WR;
        const int wc = warp / WR;
        const int halo = p.width + 1;
        const int index = share_of(p);
        const Tiles share(p.rows, ROWS_OF_TILE, p.tilesOfBlock, index);
        const int c0 = p.template first_channel<CHANNELS, PART>();
        const int channels = p.channels - c0;
        const int start = share.first * BM - halo;
        const int chunk = threadIdx.x % CHUNKS;
        const int loadRow = threadIdx.x / CHUNKS;
        const bool chunkOn = chunk * CHUNK<T> < channels;
        const auto load_z = [&](int first, unsigned to) {
            if (chunkOn) {
                for (int r = loadRow; r < BM; r += BLOCK_THREADS / CHUNKS) {
                    const bool on = first + r < p.rows;
                    const T* const from = p.z + static_cast<size_t>(first + r) * p.zStride + c0 + chunk * CHUNK<T>;
                    cp_async16(shared, to + chunk / 8 * Z_PANEL + in_panel<T>(r, chunk % 8), on ? from : p.z,
                               on ? CHUNK_BYTES : 0);
                }
            }
        };
        load_taps<T, BLOCK_THREADS, CHANNELS, PART, NEW>(shared, at.weightsAt, w, c0);
        load_z(share.first * BM, at.zAt);
        cp_commit();
        clear_zero_rows<BLOCK_THREADS>(shared, R, PK);
        for (int c = threadIdx.x; c < PART; c += BLOCK_THREADS) {
            const bool on = c < channels;
            lane_sts(shared, at.columnsAt + c * 16,
                     float4{on ? p.scale[c0 + c] : 0.0f, on ? p.shift[c0 + c] : 0.0f, on ? mean2[c0 + c] : 0.0f, 0.0f});
        }
        NewGradient<T, BM, NEW, BLOCK_THREADS> next(p);
        const int ready = share.first * BM + BM + halo;
        for (int first = start; first < ready; first += BM) {
            next.fetch(p, first);
            next.store(p, shared, 0, R + ZERO_ROWS, first, ready - first,
                       [&](int r) { return (first - start + r) & (R - 1); });
        }
        float sumG[2 * NA];
        float sumGZ[2 * NA];
#pragma unroll
        for (int i = 0; i < 2 * NA; i++) {
            sumG[i] = sumGZ[i] = 0.0f;
        }
        for (int tile = share.first; tile < share.end; tile++) {
            const int q0 = tile * BM;
            __syncthreads();
            const unsigned zs = at.zAt + (tile - share.first) % 2 * Z_PANEL * PC;
            if (tile + 1 < share.end) {
                load_z(q0 + BM, at.zAt + (1 - (tile - share.first) % 2) * Z_PANEL * PC);
            }
            cp_commit();
            const int ahead = q0 + BM + halo;
            if (tile + 1 < share.end) {
                next.fetch(p, ahead);
            }
            if (tile == share.first) {
                cp_wait<1>();  // the weights
                __syncthreads();
            }
            float sums[MA][NA][4];
            clear(sums);
            at.multiply(p, shared, sums, q0 + wr * (BM / WR), wc, start, lane);
            if (tile + 1 < share.end) {
                next.store(p, shared, 0, R + ZERO_ROWS, ahead, BM, [&](int r) { return (ahead - start + r) & (R - 1); });
            }
            cp_wait<1>();
            __syncthreads();
            at.mask(shared, sums, zs, wr, wc, lane, sumG, sumGZ);
            __syncthreads();
            if (chunkOn) {
                for (int r = loadRow; r < BM; r += BLOCK_THREADS / CHUNKS) {
                    if (q0 + r < p.rows) {
                        stg(dT + static_cast<size_t>(q0 + r) * dTStride + c0 + chunk * CHUNK<T>,
                            lane_lds<uint4>(shared, zs + chunk / 8 * Z_PANEL + in_panel<T>(r, chunk % 8)));
                    }
                }
            }
        }
        cp_wait<0>();
        __syncthreads();
        for_column_sums<NA>(sumG, sumGZ, lane, [&](int column, float s, float q) {  // [WR, 2, PART]
            const unsigned to = (2 * wr * PART + wc * (PART / WC) + column) * 4;
            lane_sts(shared, to, s);
            lane_sts(shared, to + PART * 4, q);
        });
        __syncthreads();
        for (int i = threadIdx.x; i < 2 * PART; i += BLOCK_THREADS) {
            float s = 0.0f;
            for (int r = 0; r < WR; r++) {
                s += lane_lds<float>(shared, (2 * r * PART + i) * 4);
            }
            if (i % PART < channels) {
                tiles[(static_cast<size_t>(index) * 2 + i / PART) * p.channels + c0 + i % PART] = s;
            }
        }
    }

    __device__ __forceinline__ void multiply(const AppendedGradient<T>& p, unsigned char* shared,
                                             float (&sums)[MA][NA][4], int first, int wc, int start, int lane) const {
        TappedPixel pixel[MA];
#pragma unroll
        for (int m = 0; m < MA; m++) {
            pixel[m] = TappedPixel(first + m * 16 + lane % 16, start, p.R, p.rows, p.height, p.width);
        }
        for (int tap = 0; tap < 9; tap++) {
            unsigned row[MA];
            unsigned spread[MA];
#pragma unroll
            for (int m = 0; m < MA; m++) {
                // The pixel that read this one by the tap lies on the other side of it.
                const unsigned r = pixel[m].tap(1 - tap / 3, 1 - tap % 3, p.height, p.width, p.R);
                spread[m] = twist<T>(r) * CHUNK_BYTES;
                row[m] = r * PANEL_ROW_BYTES;
            }
#pragma unroll
            for (int step = 0; step < NEW / STEP<T>; step++) {
                unsigned a[MA][4];
#pragma unroll
                for (int m = 0; m < MA; m++) {
                    const unsigned chunk = (step % 4 * 2 + lane / 16) * CHUNK_BYTES;
                    ldmatrix_x4(a[m], shared, row[m] + step / 4 * ring_bytes(p.R) + (chunk ^ spread[m]));
                }
#pragma unroll
                for (int n = 0; n < NA; n += 2) {
                    unsigned b[4];
                    Transposed<T>::b(b, shared, weightsAt + tap * PC * NEW * PANEL_ROW_BYTES, NEW, step * STEP<T>,
                                     wc * (PART / WC) + n * 8, lane);
#pragma unroll
                    for (int m = 0; m < MA; m++) {
                        multiply_pair<T>(sums[m], n, a[m], b);
                    }
                }
            }
        }
    }

    // dT, masked, in the place of z; sums are taken of what is stored, since dZ will be made of that.
    __device__ __forceinline__ void mask(unsigned char* shared, const float (&sums)[MA][NA][4], unsigned zs, int wr,
                                         int wc, int lane, float (&sumG)[2 * NA], float (&sumGZ)[2 * NA]) const {
        using Word = typename Pair<T>::Word;
        const int g = lane >> 2;
        const int t = lane & 3;
#pragma unroll
        for (int n = 0; n < NA; n++) {
            const int column = wc * (PART / WC) + n * 8 + 2 * t;
            const float4 f0 = lds<float4>(shared, columnsAt + column * 16);
            const float4 f1 = lds<float4>(shared, columnsAt + column * 16 + 16);
#pragma unroll
            for (int m = 0; m < MA; m++) {
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    const int r = wr * (BM / WR) + m * 16 + half * 8 + g;
                    const unsigned to = zs + column / (8 * CHUNK<T>)*Z_PANEL +
                                        in_panel<T>(r, column / CHUNK<T> % 8) +
                                        column % CHUNK<T> * static_cast<int>(sizeof(T));
                    const Word zw = lds<Word>(shared, to);
                    const float z0 = Pair<T>::first(zw);
                    const float z1 = Pair<T>::second(zw);
                    const Word masked = Pair<T>::of(fmaf(z0, f0.x, f0.y) > 0.0f ? sums[m][n][2 * half] : 0.0f,
                                                    fmaf(z1, f1.x, f1.y) > 0.0f ? sums[m][n][2 * half + 1] : 0.0f);
                    const float g0 = Pair<T>::first(masked);
                    const float g1 = Pair<T>::second(masked);
                    sumG[2 * n] += g0;
                    sumG[2 * n + 1] += g1;
                    sumGZ[2 * n] = fmaf(g0, z0 - f0.z, sumGZ[2 * n]);
                    sumGZ[2 * n + 1] = fmaf(g1, z1 - f1.z, sumGZ[2 * n + 1]);
                    sts(shared, to, masked);
                }
            }
        }
    }
};

// A warp owns 16 channels and TAPS taps, all nine or a line of three: TAPS * NEW / 2 sums a thread.
template <class T, int BM, int CHANNELS, int PART, int NEW, int TAPS>
struct AppendedWeights {
    static constexpr int BLOCK_THREADS = PART * 2 * (9 / TAPS);
    static constexpr int ROWS_OF_TILE = BM;
    static constexpr int PC = panels<T>(PART);
    static constexpr int CHUNKS = PC * 8;
    static constexpr int PK = panels<T>(NEW);
    static constexpr int NF = NEW / 8;
    static constexpr unsigned Y_BYTES = BM * PANEL_ROW_BYTES * PK;
    static_assert(PART % 16 == 0 && NF % 2 == 0 && BM % 16 == 0 && (TAPS == 9 || TAPS == 3), "shape");

    static __device__ __forceinline__ int share_of(const AppendedGradient<T>& p) {
        return p.template share<CHANNELS, PART>();
    }

    static __device__ __forceinline__ void run(const AppendedGradient<T>& p, float* __restrict__ weightTiles) {
        const int R = p.R;
        const unsigned yAt = ring_bytes(R) * PC;
        DYNAMIC_SHARED(yAt + 2 * Y_BYTES);
        const int lane = threadIdx.x % 32;
        const int group = threadIdx.x / 32 % (PART / 16);  // of channels
        const int tap0 = TAPS == 9 ? 0 : threadIdx.x / 32 / (PART / 16) * TAPS;
        const int halo = p.width + 1;
        const int index = share_of(p);
        const Tiles share(p.rows, ROWS_OF_TILE, p.tilesOfBlock, index);
        const int c0 = p.template first_channel<CHANNELS, PART>();
        const int start = share.first * BM - halo;
        const NormalisedRows<T, BLOCK_THREADS, CHUNKS> source(start, R, p.rows, p.channels - c0, p.scale + c0, p.shift + c0);
        source.load(shared, p.z + c0, p.zStride, start, share.first * BM + BM + halo);
        cp_commit();
        clear_zero_rows<BLOCK_THREADS>(shared, R, PC);
        NewGradient<T, BM, NEW, BLOCK_THREADS> next(p);
        const auto in_order = [](int r) { return r; };
        next.fetch(p, share.first * BM);
        next.store(p, shared, yAt, BM, share.first * BM, BM, in_order);
        float dW[TAPS][NF][4];
        clear(dW);
        for (int tile = share.first; tile < share.end; tile++) {
            const int q0 = tile * BM;
            const unsigned ys = yAt + (tile - share.first) % 2 * Y_BYTES;
            const unsigned other = yAt + (1 - (tile - share.first) % 2) * Y_BYTES;
            cp_wait<0>();
            __syncthreads();
            if (tile + 1 < share.end) {
                source.load(shared, p.z + c0, p.zStride, q0 + BM + halo, q0 + 2 * BM + halo);
                cp_commit();
                next.fetch(p, q0 + BM);
            }
            source.normalise(shared, tile == share.first ? start : q0 + halo, q0 + BM + halo);
            __syncthreads();
            multiply(p, shared, ys, dW, q0, start, group, tap0, lane);
            if (tile + 1 < share.end) {
                next.store(p, shared, other, BM, q0 + BM, BM, in_order);
            }
        }
#pragma unroll
        for (int tap = 0; tap < TAPS; tap++) {
#pragma unroll
            for (int n = 0; n < NF; n++) {
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    const int c = c0 + group * 16 + half * 8 + lane / 4;
                    const int column = n * 8 + lane % 4 * 2;
                    if (c < p.channels && column < p.k) {
                        stg(weightTiles + ((static_cast<size_t>(index) * 9 + tap0 + tap) * p.channels + c) * p.k + column,
                            float2{dW[tap][n][2 * half], dW[tap][n][2 * half + 1]});
                    }
                }
            }
        }
    }

    static __device__ __forceinline__ void multiply(const AppendedGradient<T>& p, unsigned char* shared, unsigned ys,
                                                    float (&dW)[TAPS][NF][4], int q0, int start, int group, int tap0, int lane) {
        // The pixels whose rows this lane addresses: one by ldmatrix in bf16; rows t and t + 4 in TF32. They advance by a
        // step at a time, since a division for each would take longer than the products.
        constexpr int PIXELS = sizeof(T) == 2 ? 1 : 2;
        const int stepX = STEP<T> % p.width;
        const int stepY = STEP<T> / p.width % p.height;
        int q[PIXELS];
        int line[PIXELS];
        int x[PIXELS];
#pragma unroll
        for (int i = 0; i < PIXELS; i++) {
            q[i] = q0 + (sizeof(T) == 2 ? lane / 16 * 8 + lane % 8 : lane % 4 + 4 * i);
            x[i] = q[i] % p.width;
            line[i] = q[i] / p.width % p.height;
        }
#pragma unroll 1
        for (int step = 0; step < BM / STEP<T>; step++) {
            unsigned b[NF / 2][4];
#pragma unroll
            for (int n = 0; n < NF; n += 2) {
                Transposed<T>::b(b[n / 2], shared, ys, BM, step * STEP<T>, n * 8, lane);
            }
#pragma unroll
            for (int tap = 0; tap < TAPS; tap++) {
                const int tapLine = TAPS == 9 ? tap / 3 : tap0 / 3;
                unsigned a[4];
#pragma unroll
                for (int i = 0; i < PIXELS; i++) {
                    const bool lineInside = tapLine == 0 ? line[i] > 0 : tapLine == 1 || line[i] + 1 < p.height;
                    const bool inside = q[i] < p.rows && lineInside &&
                                        (tap % 3 == 0 ? x[i] > 0 : tap % 3 == 1 || x[i] + 1 < p.width);
                    const unsigned r = neighbour(q[i] - start, (tapLine - 1) * p.width + tap % 3 - 1, inside, p.R);
                    transposed_fragment(a, i, shared, r, p.R, group, lane);
                }
#pragma unroll
                for (int n = 0; n < NF; n += 2) {
                    multiply_pair<T>(dW[tap], n, a, b[n / 2]);
                }
            }
#pragma unroll
            for (int i = 0; i < PIXELS; i++) {
                q[i] += STEP<T>;
                x[i] += stepX;
                line[i] += stepY + (x[i] >= p.width ? 1 : 0);
                x[i] -= x[i] >= p.width ? p.width : 0;
                line[i] -= line[i] >= p.height ? p.height : 0;
            }
        }
    }

    // Of 16 channels by a step's pixels, of which this lane addresses row r of the ring.
    static __device__ __forceinline__ void transposed_fragment(unsigned (&a)[4], int pixel, unsigned char* shared,
                                                               unsigned r, int R, int group, int lane) {
        if constexpr (sizeof(T) == 2) {
            const int c = group * 2 + lane / 8 % 2;
            ldmatrix_x4_trans(a, shared, c / 8 * ring_bytes(R) + in_panel<T>(r, c % 8));
        } else {
#pragma unroll
            for (int j = 0; j < 2; j++) {
                const int column = group * 16 + lane / 4 + 8 * j;
                a[2 * pixel + j] = lds<unsigned>(
                    shared, column / 32 * ring_bytes(R) + in_panel<T>(r, column % 32 / 4) + column % 4 * 4);
            }
        }
    }
};

// Whether a thread has something to do: there may be more blocks of the other kind, with more threads. Where it has for all
// threads of the launch, none is asked, which would cost registers.
template <class Gradient, int LAUNCHED, class T>
__device__ __forceinline__ bool has_work(const AppendedGradient<T>& p) {
    return (Gradient::BLOCK_THREADS == LAUNCHED || threadIdx.x < Gradient::BLOCK_THREADS) &&
           Gradient::share_of(p) * p.tilesOfBlock * Gradient::ROWS_OF_TILE < p.rows;
}

#define APPENDED_GRADIENT(suffix, T, CHANNELS, NEW, DATA_BM, DATA_PART, WR, WC, WEIGHTS_BM, WEIGHTS_PART, TAPS,         \
                          BLOCKS_OF_MULTIPROCESSOR)                                                                     \
    using AppendedData##suffix = AppendedData<T, DATA_BM, CHANNELS, DATA_PART, NEW, WR, WC>;                            \
    using AppendedWeights##suffix = AppendedWeights<T, WEIGHTS_BM, CHANNELS, WEIGHTS_PART, NEW, TAPS>;                  \
    constexpr int APPENDED_GRADIENT_THREADS##suffix =                                                                   \
        AppendedData##suffix::BLOCK_THREADS > AppendedWeights##suffix::BLOCK_THREADS                                    \
            ? AppendedData##suffix::BLOCK_THREADS                                                                       \
            : AppendedWeights##suffix::BLOCK_THREADS;                                                                   \
    BOUNDED(appended_gradient##suffix, APPENDED_GRADIENT_THREADS##suffix)                                               \
    extern "C" __global__ void __launch_bounds__(APPENDED_GRADIENT_THREADS##suffix, BLOCKS_OF_MULTIPROCESSOR)           \
        appended_gradient##suffix(                                                                                      \
            const T* __restrict__ G, int gStride, const T* __restrict__ x, int xStride,                                 \
            const float* __restrict__ correction, int correctionStride, const float* __restrict__ mean,                 \
            unsigned threshold, unsigned layerThreshold, float keptScale, unsigned seedLow, unsigned seedHigh,          \
            const unsigned* step, unsigned layer, const T* __restrict__ z, int zStride,                                 \
            const float* __restrict__ affine, int affineStride, int k, int channels, int rows, int height, int width,   \
            const float* __restrict__ mean2, const T* __restrict__ w, T* __restrict__ dT, int dTStride, int dataRing,   \
            int dataTilesOfBlock, int weightsRing, int weightsTilesOfBlock, float* __restrict__ tiles,                  \
            float* __restrict__ weightTiles) {                                                                          \
        const bool ofData = blockIdx.x % 2 == 0;                                                                        \
        const AppendedGradient<T> p{                                                                                    \
            G, gStride, x, xStride, correction, correctionStride, mean,                                                 \
            Dropout{threshold, layerThreshold, keptScale, seedLow, seedHigh, step, layer}, z, zStride, affine,          \
            affine + affineStride, k, channels, rows, height, width, ofData ? dataRing : weightsRing,                   \
            ofData ? dataTilesOfBlock : weightsTilesOfBlock, static_cast<int>(blockIdx.x / 2)};                         \
        if (ofData) {                                                                                                   \
            if (has_work<AppendedData##suffix, APPENDED_GRADIENT_THREADS##suffix>(p)) {                                 \
                AppendedData##suffix::run(p, mean2, w, dT, dTStride, tiles);                                            \
            }                                                                                                           \
        } else if (has_work<AppendedWeights##suffix, APPENDED_GRADIENT_THREADS##suffix>(p)) {                           \
            AppendedWeights##suffix::run(p, weightTiles);                                                               \
        }                                                                                                               \
    }
