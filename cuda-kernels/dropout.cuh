// Counter-based dropout: the draw of an element is a function of (seed, step, layer, element) alone, so the
// backward pass and a recomputation draw it again and no mask is stored. The same bits as on the CPU.
//
// Philox4x32-10: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3.
#pragma once
#include "common.cuh"

struct Dropout {
    unsigned threshold;       // words below this are dropped; 0 drops nothing
    unsigned layerThreshold;  // stochastic depth: the layer is dropped when its own word is below this
    float keptScale;          // 1 / ((1 - rate) * survival)
    unsigned seedLow;         // key
    unsigned seedHigh;
    const unsigned* step;     // [2], low word first: read when the kernel runs
    unsigned layer;
};

struct Philox {
    unsigned word[4];
};

__device__ __forceinline__ Philox philox(unsigned block, unsigned layer, unsigned stepLow, unsigned stepHigh,
                                         unsigned keyLow, unsigned keyHigh) {
    unsigned c0 = block;
    unsigned c1 = layer;
    unsigned c2 = stepLow;
    unsigned c3 = stepHigh;
    for (int round = 0; round < 10; round++) {
        const unsigned high0 = __umulhi(0xD2511F53u, c0);
        const unsigned low0 = 0xD2511F53u * c0;
        const unsigned high1 = __umulhi(0xCD9E8D57u, c2);
        const unsigned low1 = 0xCD9E8D57u * c2;
        c0 = high1 ^ c1 ^ keyLow;
        c1 = low1;
        c2 = high0 ^ c3 ^ keyHigh;
        c3 = low0;
        keyLow += 0x9E3779B9u;
        keyHigh += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// Multiplies V values, the first of which is element `element` of the layer's output, by 0 or the kept scale.
// V = 4 needs an element that is a multiple of 4: one draw then serves all four.
template <int V>
__device__ __forceinline__ void drop(Channels<V>& y, unsigned long long element, const Dropout& d) {
    if (d.threshold == 0 && d.layerThreshold == 0) {
        return;
    }
    // Counter 2^32 - 1 is no element's: it decides about the layer as a whole.
    const bool dropped =
        d.layerThreshold != 0 &&
        philox(0xFFFFFFFFu, d.layer, d.step[0], d.step[1], d.seedLow, d.seedHigh).word[0] < d.layerThreshold;
    if (dropped || d.threshold == 0) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            y.v[i] = dropped ? 0.0f : y.v[i] * d.keptScale;
        }
        return;
    }
    const Philox draw = philox(static_cast<unsigned>(element >> 2), d.layer, d.step[0], d.step[1], d.seedLow,
                               d.seedHigh);
#pragma unroll
    for (int i = 0; i < V; i++) {
        const unsigned word = draw.word[(element + i) & 3];
        y.v[i] = word < d.threshold ? 0.0f : y.v[i] * d.keptScale;
    }
}
