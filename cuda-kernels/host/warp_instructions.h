// What a warp does together with tensor cores and shared memory, emulated: accesses of dynamic shared memory that are
// watched for races and bank conflicts, asynchronous copies, ldmatrix and mma. panels.cuh gives the same names to the
// instructions of a GPU.
//
// Copies    An asynchronous copy arrives when its thread waits for it and no sooner; until then its target is NaN.
// Races     Every 4-byte word of shared memory remembers who wrote and who read it last, and behind which barriers. Who
//           reads what another thread wrote needs a barrier between: the block's, or the warp's among its own lanes.
//           Likewise who overwrites what another has read. Barriers are counted, not guessed from the order of
//           execution, so a missing __syncwarp is found although the lanes of a warp meet at every access here.
// Conflicts Lanes that need different words of one bank are served one after the other; extra turns are counted.
#pragma once
#include "cuda_emulation.h"

// The whole warp takes part in these two; lanes that do not access pass on = false.
template <class V>
V lds(unsigned char* shared, unsigned offset, bool on = true) {
    emulated_bank_access(on ? offset : EMULATED_NO_ACCESS, sizeof(V));
    V value{};
    if (on) {
        emulated_shared_read(offset, sizeof(V));
        std::memcpy(&value, shared + offset, sizeof(V));
    }
    return value;
}

template <class V>
void sts(unsigned char* shared, unsigned offset, V value, bool on = true) {
    emulated_bank_access(on ? offset : EMULATED_NO_ACCESS, sizeof(V));
    if (on) {
        emulated_shared_write(offset, sizeof(V));
        std::memcpy(shared + offset, &value, sizeof(V));
    }
}

// A single lane's access, without the count of bank conflicts.
template <class V>
V lane_lds(unsigned char* shared, unsigned offset) {
    emulated_shared_read(offset, sizeof(V));
    V value;
    std::memcpy(&value, shared + offset, sizeof(V));
    return value;
}

template <class V>
void lane_sts(unsigned char* shared, unsigned offset, V value) {
    emulated_shared_write(offset, sizeof(V));
    std::memcpy(shared + offset, &value, sizeof(V));
}

__attribute__((noinline)) inline void ldmatrix_x4(unsigned (&r)[4], unsigned char* shared, unsigned offset) {
    EmulatedWords* all = emulated_matrix_access(offset);
    const int lane = emulated_lane();
    for (int m = 0; m < 4; m++) {
        const auto from = static_cast<unsigned>(all[m * 8 + lane / 4][0]) + lane % 4 * 4;
        emulated_shared_read(from, 4);
        std::memcpy(&r[m], shared + from, 4);
    }
}

__attribute__((noinline)) inline void ldmatrix_x4_trans(unsigned (&r)[4], unsigned char* shared, unsigned offset) {
    EmulatedWords* all = emulated_matrix_access(offset);
    const int row = emulated_lane() % 4 * 2;
    const int column = emulated_lane() / 4;
    for (int m = 0; m < 4; m++) {
        std::uint16_t half[2];
        for (int i = 0; i < 2; i++) {
            const auto from = static_cast<unsigned>(all[m * 8 + row + i][0]) + column * 2;
            emulated_shared_read(from, 2);
            std::memcpy(&half[i], shared + from, 2);
        }
        r[m] = half[0] | static_cast<unsigned>(half[1]) << 16;
    }
}

inline void cp_async16(unsigned char*, unsigned offset, const void* from, int bytes) {
    emulated_copy_to_shared(offset, from, bytes);
}

inline void cp_commit() {
    emulated_commit_copies();
}

template <int N>
void cp_wait() {
    emulated_wait_for_copies(N);
}

template <class V>
void stg(void* to, V value) {
    if (reinterpret_cast<std::uintptr_t>(to) % sizeof(V)) {
        emulated_fault("a store to a misaligned address");
    }
    std::memcpy(to, &value, sizeof(V));
}

// m16n8k16: two bf16 of a row in a word.
__attribute__((noinline)) inline void emulated_mma_bf16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    EmulatedTiles& tiles = emulated_tiles();
    const int g = emulated_lane() / 4;
    const int t = emulated_lane() % 4;
    for (int i = 0; i < 2; i++) {
        const auto element = [=](unsigned word) { return __uint_as_float(i ? word & 0xFFFF0000u : word << 16); };
        for (int half = 0; half < 2; half++) {
            const int k = half * 8 + 2 * t + i;
            tiles.a[k][g] = element(a[2 * half]);
            tiles.a[k][g + 8] = element(a[2 * half + 1]);
            tiles.b[k][g] = element(b[half]);
        }
    }
    emulated_await_tiles();
    emulated_multiply<16>(d, tiles);
}
