// Several small operations in one launch: what is done to vectors of a value per channel between the passes over
// features, weights brought into another layout, and sums of blocks added up. One alone takes less time than its launch.
//
// The chain is run by block 0, one operation after the other, with a barrier between: each sees what those before it
// wrote. So nothing that an operation reads may be declared as unchanging (__restrict__). The others have blocks of their
// own, behind block 0 of a chain, and a thread for each element. They run beside each other and beside the chain: none of
// them writes what another operation of the launch reads or writes (SmallOperations.java).
//
// Shapes    list: words of 8 bytes. The first: how many words there are, plus 2^32 where there is a chain. Then the
//           operations, each a word of kind + 2^8 * arguments, plus 2^16 in the chain, a word with the number of its
//           elements, and its arguments, a word each. Operations on channels are in the chain and have no elements
// Bytes     those of the operations
// Geometry  one dimension; blocks of 256 threads or, for chains on more channels, of 512
#include "batch_norm_vectors.cuh"
#include "channel_stats.cu"
#include "tile_product.cuh"

#include "dense_layer_weights.cuh"
#include "weight_layout.cuh"

constexpr int small_operations_threads = 512;
constexpr int SMALL_OPERATIONS_WORDS = 256;

// The same in SmallOperation.java.
enum SmallOperation {
    COMBINE_STATISTICS,
    COMBINE_SUMS,
    FINISH_STATISTICS,
    UPDATE_RUNNING_STATISTICS,
    STATISTICS_OF_RUNNING,
    FOLD_NORMALISATION,
    FINISH_NORM_GRADIENT,
    NORM_CORRECTION,
    DEFER_SUMS,
    DEFERRED_CORRECTION,
    GRADIENT_WEIGHT,
    FILL_FLOATS,
    COPY_FLOATS,
    ADD_FLOATS,
    ADD_PARTS,
    ADD_APPENDED_PARTS,
    PACK_POINTWISE_WEIGHTS,
    PACK_POINTWISE_WEIGHTS_BF16,
    PACK_APPENDED_WEIGHTS,
    PACK_APPENDED_WEIGHTS_BF16,
    PACK_WEIGHTS,
    PACK_WEIGHTS_BF16,
    ADD_UNPACKED_GRADIENT,
};

// An argument, as whatever the operation takes it for.
struct Word {
    long long bits;

    __device__ operator int() const {
        return static_cast<int>(bits);
    }

    __device__ operator float() const {
        return __uint_as_float(static_cast<unsigned>(bits));
    }

    template <class T>
    __device__ operator T*() const {
        return reinterpret_cast<T*>(bits);
    }
};

struct SmallOperations {
    Word words[SMALL_OPERATIONS_WORDS];
};

// combine(me, c) for all channels, as many at a time as the block has teams for.
template <class Combine>
__device__ __forceinline__ void for_combined_channels(int channels, Combine combine) {
    const Combiner me = combiner_of(threadIdx.x);
    const int together = blockDim.x / THREADS * COMBINED_CHANNELS;
    for (int first = 0; first < channels; first += together) {
        combine(me, first + me.team * COMBINED_CHANNELS + me.channel);
    }
}

__device__ __forceinline__ void combine_all_statistics(const float* tiles, int count, int rowsPerTile, int rows,
                                                       int channels, float* partial, int partialStride) {
    for_combined_channels(channels, [&](Combiner me, int c) {
        combine_statistics_of_channel(me, c, tiles, count, rowsPerTile, rows, channels, partial, partialStride);
    });
}

__device__ __forceinline__ void combine_all_sums(const float* tiles, int count, int channels, float* partial,
                                                 int partialStride) {
    for_combined_channels(channels, [&](Combiner me, int c) {
        combine_sums_of_channel(me, c, tiles, count, channels, partial, partialStride);
    });
}

__device__ __forceinline__ void fill_element(int i, float value, float* target, int stride, int rows, int columns) {
    if (i < rows * columns) {
        target[at(i / columns, stride, i % columns)] = value;
    }
}

__device__ __forceinline__ void copy_element(int i, const float* source, int sourceStride, float* target, int stride,
                                             int rows, int columns) {
    if (i < rows * columns) {
        target[at(i / columns, stride, i % columns)] = source[at(i / columns, sourceStride, i % columns)];
    }
}

__device__ __forceinline__ void add_element(int i, const float* source, int sourceStride, float* target, int stride,
                                            int rows, int columns) {
    if (i < rows * columns) {
        target[at(i / columns, stride, i % columns)] += source[at(i / columns, sourceStride, i % columns)];
    }
}

// An operation on channels, by a whole block.
__device__ __forceinline__ void run_on_channels(int kind, const Word* a) {
    switch (kind) {
        case COMBINE_STATISTICS:
            combine_all_statistics(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
            return;
        case COMBINE_SUMS:
            combine_all_sums(a[0], a[1], a[2], a[3], a[4]);
            return;
        case FINISH_STATISTICS:
            finish_statistics(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
            return;
        case UPDATE_RUNNING_STATISTICS:
            update_running_statistics(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
            return;
        case STATISTICS_OF_RUNNING:
            statistics_of_running(a[0], a[1], a[2], a[3], a[4], a[5]);
            return;
        case FOLD_NORMALISATION:
            fold_normalisation(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
            return;
        case FINISH_NORM_GRADIENT:
            finish_norm_gradient(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]);
            return;
        case NORM_CORRECTION:
            norm_correction(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]);
            return;
        case DEFER_SUMS:
            defer_sums(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
            return;
        case DEFERRED_CORRECTION:
            deferred_correction(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
            return;
        case GRADIENT_WEIGHT:
            gradient_weight(a[0], a[1], a[2], a[3], a[4]);
            return;
    }
}

// Element i of any other operation; nothing where there are fewer.
__device__ __forceinline__ void run_on_element(int kind, int i, const Word* a) {
    switch (kind) {
        case FILL_FLOATS:
            fill_element(i, a[0], a[1], a[2], a[3], a[4]);
            return;
        case COPY_FLOATS:
            copy_element(i, a[0], a[1], a[2], a[3], a[4], a[5]);
            return;
        case ADD_FLOATS:
            add_element(i, a[0], a[1], a[2], a[3], a[4], a[5]);
            return;
        case ADD_PARTS:
            add_parts_of_element<float>(i, a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
            return;
        case ADD_APPENDED_PARTS:
            add_appended_parts(i, a[0], a[1], a[2], a[3], a[4]);
            return;
        case PACK_POINTWISE_WEIGHTS:
            pack_pointwise_weights<float>(i, a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
            return;
        case PACK_POINTWISE_WEIGHTS_BF16:
            pack_pointwise_weights<BFloat16>(i, a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
            return;
        case PACK_APPENDED_WEIGHTS:
            pack_appended_weights<float>(i, a[0], a[1], a[2], a[3], a[4], a[5]);
            return;
        case PACK_APPENDED_WEIGHTS_BF16:
            pack_appended_weights<BFloat16>(i, a[0], a[1], a[2], a[3], a[4], a[5]);
            return;
        case PACK_WEIGHTS:
            pack_weights<float>(i, a[0], a[1], a[2], a[3], a[4]);
            return;
        case PACK_WEIGHTS_BF16:
            pack_weights<BFloat16>(i, a[0], a[1], a[2], a[3], a[4]);
            return;
        case ADD_UNPACKED_GRADIENT:
            add_unpacked_gradient(i, a[0], a[1], a[2], a[3], a[4]);
            return;
    }
}

extern "C" __global__ void __launch_bounds__(small_operations_threads, 1)
    small_operations(const __grid_constant__ SmallOperations list) {
    const Word* words = list.words;
    const int end = words[0];
    const bool hasChain = words[0].bits >> 32 != 0;
    const bool isChain = hasChain && blockIdx.x == 0;
    int block = static_cast<int>(blockIdx.x) - (hasChain ? 1 : 0);  // among those of the operation that is looked at
    for (int next = 1; next < end;) {
        const int head = words[next];
        const int elements = words[next + 1];
        const Word* arguments = words + next + 2;
        const int kind = head & 0xFF;
        const bool inChain = (head >> 16 & 1) != 0;
        next += 2 + (head >> 8 & 0xFF);
        if (isChain && inChain) {
            if (elements == 0) {
                run_on_channels(kind, arguments);
            }
            for (int i = threadIdx.x; i < elements; i += blockDim.x) {
                run_on_element(kind, i, arguments);
            }
            __syncthreads();
        } else if (!isChain && !inChain) {
            const int blocks = (elements - 1) / static_cast<int>(blockDim.x) + 1;
            if (block < blocks) {
                run_on_element(kind, block * static_cast<int>(blockDim.x) + threadIdx.x, arguments);
                return;
            }
            block -= blocks;
        }
    }
}
