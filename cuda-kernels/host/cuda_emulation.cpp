// The emulated machine: launches a kernel by name over a grid. Built with kernels.cu into one shared library,
//   c++ -shared -fPIC -O2 -std=c++17 -DDENSENET4J_EMULATION -x c++ cuda_emulation.cpp
// and called from the tests through Java's foreign-function interface.
#include "../kernels.cu"

#include "fibre.h"

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

Index threadIdx;
Index blockIdx;
Index blockDim;
Index gridDim;

namespace {

constexpr std::size_t STACK_BYTES = 64 * 1024;
constexpr int MOST_THREADS = 1024;
constexpr int WARP = 32;

enum class Waiting { NOTHING, BLOCK, WARP_ONLY, DONE };

struct Thread {
    Fibre fibre;
    Waiting waiting;
};

using Call = void (*)(void** arguments);

Fibre scheduler;
Thread members[MOST_THREADS];
std::vector<char> stacks;
std::uint64_t slots[MOST_THREADS];

// A thread's part of the operands of a product on tensor cores. Two sets in turn: a thread that is already at the next
// product has not yet met the barrier behind which others have read this one.
struct Fragments {
    float a[4];
    float b[2];
};
Fragments fragments[2][MOST_THREADS];
int productsOfThread[MOST_THREADS];

Call current;
void** currentArguments;
int running;

void place_thread(int t) {
    running = t;
    threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
}

void pause(Waiting why) {
    Thread& me = members[running];
    me.waiting = why;
    switch_fibre(me.fibre, scheduler);
}

void run_thread() {
    current(currentArguments);
    pause(Waiting::DONE);
}

void start(int t) {
    members[t].waiting = Waiting::NOTHING;
    productsOfThread[t] = 0;
    make_fibre(members[t].fibre, stacks.data() + t * STACK_BYTES, STACK_BYTES, run_thread);
}

// Lets threads [from, to) go on if all that live wait for the same barrier.
bool release(int from, int to, Waiting barrier) {
    int waiting = 0;
    for (int t = from; t < to; t++) {
        if (members[t].waiting == barrier) {
            waiting++;
        } else if (members[t].waiting != Waiting::DONE) {
            return false;
        }
    }
    for (int t = from; t < to; t++) {
        if (members[t].waiting == barrier) {
            members[t].waiting = Waiting::NOTHING;
        }
    }
    return waiting > 0;
}

// Returns false when threads wait for each other at different barriers, which hangs a GPU.
bool run_block(int threads, bool reversed) {
    for (int t = 0; t < threads; t++) {
        start(t);
    }
    while (true) {
        for (int i = 0; i < threads; i++) {
            const int t = reversed ? threads - 1 - i : i;
            if (members[t].waiting == Waiting::NOTHING) {
                place_thread(t);
                switch_fibre(scheduler, members[t].fibre);
            }
        }
        bool released = release(0, threads, Waiting::BLOCK);
        for (int warp = 0; warp < threads; warp += WARP) {
            released |= release(warp, min(warp + WARP, threads), Waiting::WARP_ONLY);
        }
        if (!released) {
            for (int t = 0; t < threads; t++) {
                if (members[t].waiting != Waiting::DONE) {
                    return false;
                }
            }
            return true;
        }
    }
}

template <class... Arguments, std::size_t... I>
void call(void (*kernel)(Arguments...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<Arguments*>(arguments[I])...);
}

template <auto Kernel, class... Arguments>
void unpack(void (*)(Arguments...), void** arguments) {
    call(Kernel, arguments, std::index_sequence_for<Arguments...>{});
}

template <auto Kernel>
void entry(void** arguments) {
    unpack<Kernel>(Kernel, arguments);
}

// Bytes of each argument, in order.
template <class... Arguments>
std::vector<int> sizes(void (*)(Arguments...)) {
    return {static_cast<int>(sizeof(Arguments))...};
}

struct Kernel {
    Call call;
    std::vector<int> argumentBytes;
};

#define KERNEL(name) {#name, {entry<name>, sizes(name)}}
#define ONE(name) KERNEL(name)
#define BOTH(name) KERNEL(name##_v1), KERNEL(name##_v4)
#define PRODUCT(name, tile) KERNEL(name##_##tile), KERNEL(name##_tf32_##tile)

const std::unordered_map<std::string, Kernel> KERNELS = {
    BOTH(accumulate_gradient),
    BOTH(accumulate_gradient_average_pool),
    BOTH(accumulate_gradient_global_pool),
    BOTH(accumulate_gradient_of_normalised),
    BOTH(add_bias),
    BOTH(add_column_sums),
    BOTH(add_normalised),
    BOTH(add_rows),
    ONE(add_parts),
    ONE(add_unpacked_gradient),
    BOTH(adam),
    BOTH(append_features),
    BOTH(apply_correction),
    BOTH(average_pool),
    BOTH(average_pool_gradient),
    BOTH(blur_pool),
    BOTH(blur_pool_gradient),
    BOTH(channel_statistics),
    BOTH(column_sums),
    ONE(combine_rows),
    ONE(combine_statistics),
    ONE(combine_sums),
    PRODUCT(convolution_data, 128x64),
    PRODUCT(convolution_forward, 128x32),
    PRODUCT(convolution_forward, 128x64),
    PRODUCT(convolution_weights, 32x128),
    PRODUCT(convolution_weights, 64x64),
    BOTH(copy_rows),
    BOTH(copy_window),
    ONE(defer_sums),
    ONE(deferred_correction),
    BOTH(fill_rows),
    ONE(finish_norm_gradient),
    ONE(finish_statistics),
    ONE(fold_normalisation),
    PRODUCT(gemm, 128x64),
    PRODUCT(gemm, 64x64),
    BOTH(global_average_pool),
    BOTH(gradient_of_appended),
    ONE(gradient_weight),
    BOTH(mask_positive),
    BOTH(mask_relu),
    BOTH(max_pool),
    BOTH(max_pool_backward),
    BOTH(max_pool_gradient),
    ONE(norm_correction),
    BOTH(normalise),
    BOTH(normalise_relu),
    BOTH(normalise_relu_average_pool),
    BOTH(normalise_relu_global_pool),
    BOTH(normalise_relu_max_pool),
    ONE(pack_weights),
    ONE(pixel_cross_entropy),
    BOTH(moving_average),
    BOTH(rmsprop),
    BOTH(sgd_nesterov),
    ONE(softmax_cross_entropy),
    ONE(squared_norm),
    ONE(squared_norm_tiles),
    ONE(statistics_of_running),
    ONE(update_running_statistics),
};

}  // namespace

void __syncthreads() {
    pause(Waiting::BLOCK);
}

void emulated_warp_barrier() {
    pause(Waiting::WARP_ONLY);
}

std::uint64_t* emulated_warp_slots() {
    return slots + running / WARP * WARP;
}

int emulated_lane() {
    return running % WARP;
}

void emulated_mma_m16n8k8(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
    Fragments* set = fragments[productsOfThread[running]++ % 2];
    for (int i = 0; i < 4; i++) {
        set[running].a[i] = emulated_truncated_to_tf32(a[i]);
    }
    for (int i = 0; i < 2; i++) {
        set[running].b[i] = emulated_truncated_to_tf32(b[i]);
    }
    emulated_warp_barrier();
    const Fragments* warp = set + running / WARP * WARP;
    const int g = emulated_lane() / 4;
    const int t = emulated_lane() % 4;
    for (int i = 0; i < 4; i++) {
        const int column = 2 * t + i % 2;
        for (int k = 0; k < 8; k++) {
            const float left = warp[g * 4 + k % 4].a[i / 2 + k / 4 * 2];
            const float right = warp[column * 4 + k % 4].b[k / 4];
            d[i] += left * right;
        }
    }
}

// Runs a kernel. Returns 0, or 1: no kernel of that name, 2: a block that no GPU takes, 3: divergent barriers.
// Not for several threads at once.
extern "C" int emulate(const char* kernel, unsigned gridX, unsigned gridY, unsigned blockX, unsigned blockY,
                       void** arguments) {
    const auto found = KERNELS.find(kernel);
    if (found == KERNELS.end()) {
        return 1;
    }
    const int threads = blockX * blockY;
    if (threads < 1 || threads > MOST_THREADS || gridX < 1 || gridY < 1 || gridY > 65535) {
        return 2;
    }
    stacks.resize(MOST_THREADS * STACK_BYTES);
    current = found->second.call;
    currentArguments = arguments;
    gridDim = {gridX, gridY, 1};
    blockDim = {blockX, blockY, 1};
    for (unsigned y = 0; y < gridY; y++) {
        for (unsigned x = 0; x < gridX; x++) {
            blockIdx = {x, y, 0};
            if (!run_block(threads, (x + y) % 2 == 1)) {
                return 3;
            }
        }
    }
    return 0;
}

// Calls `visit` with the name of every kernel and the bytes of each of its arguments.
extern "C" void emulated_kernels(void (*visit)(void* context, const char* name, const int* bytes, int arguments),
                                 void* context) {
    for (const auto& [name, kernel] : KERNELS) {
        visit(context, name.c_str(), kernel.argumentBytes.data(), static_cast<int>(kernel.argumentBytes.size()));
    }
}
