// The emulated machine: launches a kernel by name over a grid. Built with the programs beside it into one shared library,
//   c++ -shared -fPIC -O2 -std=c++17 -DDENSENET4J_EMULATION cuda_emulation.cpp kernels_program.cpp dense_layer_program.cpp
// and called from the tests through Java's foreign-function interface.
#include "cuda_emulation.h"

#include "emulated_program.h"
#include "fibre.h"

#include <array>
#include <map>

Index threadIdx;
Index blockIdx;
Index blockDim;
Index gridDim;
unsigned char* emulated_shared;
EmulatedCounts emulated_counts;

namespace {

constexpr std::size_t STACK_BYTES = 128 * 1024;
constexpr int MOST_THREADS = 1024;
constexpr int WARP = 32;

// Of a block on an H100.
constexpr unsigned MOST_SHARED_BYTES = 227 * 1024;

// Bytes behind shared memory that nothing may write.
constexpr unsigned GUARD_BYTES = 4096;
constexpr unsigned char GUARD = 0xA5;

constexpr unsigned char NOT_A_NUMBER = 0xFF;

enum class Waiting { NOTHING, BLOCK, WARP_ONLY, DONE };

// An asynchronous copy on its way.
struct Copy {
    unsigned offset;
    std::array<unsigned char, 16> data;
};

struct Thread {
    Fibre fibre;
    Waiting waiting;
    int exchanges;  // two arrays in turn: a lane that is already at the next exchange leaves this one alone
    unsigned warpBarriers;
    std::vector<Copy> open;
    std::vector<std::vector<Copy>> groups;
};

// The last access of a word of shared memory: by whom, and behind how many barriers of the block and of its warp.
struct Access {
    int thread;
    unsigned blockBarriers;
    unsigned warpBarriers;
};

constexpr int NOBODY = -1;
constexpr int SEVERAL = -2;  // lanes of one warp, behind the same barriers

struct Word {
    Access write;
    Access read;
    int readingWarp;  // SEVERAL where warps read behind the same barriers
};

Fibre scheduler;
Thread members[MOST_THREADS];
std::vector<char> stacks;
EmulatedWords slots[MOST_THREADS / WARP][2][WARP];

std::vector<unsigned char> sharedMemory;
unsigned sharedBytes;
std::vector<Word> words;
unsigned blockBarriers;  // of all blocks so far: what an earlier block did lies behind a barrier
std::string fault;

EmulatedCall current;
void** currentArguments;
int running;

std::map<std::string, EmulatedKernel>& kernels() {
    static std::map<std::string, EmulatedKernel> all;
    return all;
}

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
    for (const auto& group : members[running].groups) {
        if (!group.empty()) {
            emulated_fault("an asynchronous copy is on its way when its thread ends");
        }
    }
    pause(Waiting::DONE);
}

void start(int t) {
    Thread& thread = members[t];
    thread.waiting = Waiting::NOTHING;
    thread.exchanges = 0;
    thread.warpBarriers = 0;
    thread.open.clear();
    thread.groups.clear();
    make_fibre(thread.fibre, stacks.data() + t * STACK_BYTES, STACK_BYTES, run_thread);
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

enum class Order { UPWARDS, DOWNWARDS, MIXED };

// Which warp of several is the next one.
int warp_at(int place, int warps, Order order) {
    switch (order) {
        case Order::DOWNWARDS:
            return warps - 1 - place;
        case Order::MIXED:
            return warps % 5 == 0 ? (place * 7 + 1) % warps : (place * 5 + 3) % warps;
        default:
            return place;
    }
}

void run_warp(int warp, int threads, Order order) {
    const int first = warp * WARP;
    const int end = min(first + WARP, threads);
    do {
        for (int i = first; i < end; i++) {
            const int t = order == Order::DOWNWARDS ? first + end - 1 - i : i;
            if (members[t].waiting == Waiting::NOTHING) {
                place_thread(t);
                switch_fibre(scheduler, members[t].fibre);
            }
        }
    } while (release(first, end, Waiting::WARP_ONLY));
}

// Returns false when threads wait for each other at different barriers, which hangs a GPU.
bool run_block(int threads, Order order) {
    std::memset(emulated_shared, NOT_A_NUMBER, sharedBytes);
    std::memset(emulated_shared + sharedBytes, GUARD, GUARD_BYTES);
    blockBarriers++;
    for (int t = 0; t < threads; t++) {
        start(t);
    }
    const int warps = (threads + WARP - 1) / WARP;
    do {
        for (int i = 0; i < warps; i++) {
            run_warp(warp_at(i, warps, order), threads, order);
        }
        blockBarriers++;
    } while (release(0, threads, Waiting::BLOCK));
    for (unsigned i = 0; i < GUARD_BYTES; i++) {
        if (emulated_shared[sharedBytes + i] != GUARD) {
            emulated_fault("a store behind the block's shared memory");
            break;
        }
    }
    for (int t = 0; t < threads; t++) {
        if (members[t].waiting != Waiting::DONE) {
            return false;
        }
    }
    return true;
}

bool between(const Access& access) {
    if (access.blockBarriers != blockBarriers) {
        return true;
    }
    return access.thread >= 0 && access.thread / WARP == running / WARP &&
           (access.thread == running || access.warpBarriers != members[running].warpBarriers);
}

bool inside(unsigned offset, int bytes) {
    if (offset + bytes > sharedBytes) {
        emulated_fault("an access behind the block's shared memory");
        return false;
    }
    return true;
}

Access access_now() {
    return {running, blockBarriers, members[running].warpBarriers};
}

// Turns in which a warp's access of `bytes` a lane is served, `lanes` of them together, beyond the least possible.
void count_banks(EmulatedWords* all, int bytes, int lanes) {
    for (int first = 0; first < WARP; first += lanes) {
        int turns = 1;
        for (int bank = 0; bank < WARP; bank++) {
            std::uint64_t seen[WARP];
            int n = 0;
            for (int i = first; i < first + lanes; i++) {
                if (all[i][0] == EMULATED_NO_ACCESS) {
                    continue;
                }
                for (int b = 0; b < bytes; b += 4) {
                    const std::uint64_t word = (all[i][0] + b) / 4;
                    if (word % WARP == static_cast<std::uint64_t>(bank) && n < WARP &&
                        std::find(seen, seen + n, word) == seen + n) {
                        seen[n++] = word;
                    }
                }
            }
            turns = max(turns, n);
        }
        emulated_counts.conflicts += turns - 1;
        emulated_counts.accesses++;
    }
}

}  // namespace

EmulatedProgram::EmulatedProgram(std::initializer_list<EmulatedKernel> known) {
    for (const EmulatedKernel& kernel : known) {
        kernels()[kernel.name] = kernel;
    }
}

void emulated_fault(const char* message) {
    if (fault.empty()) {
        fault = message;
    }
}

void __syncthreads() {
    pause(Waiting::BLOCK);
}

void __syncwarp() {
    pause(Waiting::WARP_ONLY);
    members[running].warpBarriers++;
}

int emulated_lane() {
    return running % WARP;
}

EmulatedWords* emulated_exchange(const std::uint64_t* mine, int count) {
    EmulatedWords* all = slots[running / WARP][members[running].exchanges++ % 2];
    std::copy(mine, mine + count, all[emulated_lane()]);
    pause(Waiting::WARP_ONLY);
    return all;
}

void emulated_require_shared(unsigned bytes) {
    if (bytes > sharedBytes) {
        emulated_fault("less dynamic shared memory than the kernel needs");
    }
}

void emulated_bank_access(std::uint64_t offset, int bytes) {
    if (offset != EMULATED_NO_ACCESS && offset % bytes) {
        emulated_fault("a misaligned access of shared memory");
    }
    EmulatedWords* all = emulated_exchange(&offset, 1);
    if (emulated_lane() == 0) {
        count_banks(all, bytes, 128 / max(bytes, 4));
    }
}

EmulatedWords* emulated_matrix_access(unsigned offset) {
    if (offset % 16) {
        emulated_fault("a row of ldmatrix that does not start on 16 bytes");
    }
    const std::uint64_t mine = offset;
    EmulatedWords* all = emulated_exchange(&mine, 1);
    if (emulated_lane() == 0) {
        count_banks(all, 16, 8);
    }
    return all;
}

void emulated_shared_read(unsigned offset, int bytes) {
    if (!inside(offset, bytes)) {
        return;
    }
    for (unsigned i = offset / 4; i <= (offset + bytes - 1) / 4; i++) {
        Word& word = words[i];
        if (word.write.thread != NOBODY && !between(word.write)) {
            emulated_fault("a read of shared memory without a barrier behind another thread's write");
        }
        const bool again = word.read.thread != NOBODY && word.read.blockBarriers == blockBarriers;
        if (again && word.readingWarp != running / WARP) {
            word.readingWarp = SEVERAL;
        } else if (!again) {
            word.readingWarp = running / WARP;
        }
        const bool others = again && (word.read.thread != running) &&
                            word.read.warpBarriers == members[running].warpBarriers;
        word.read = access_now();
        if (others) {
            word.read.thread = SEVERAL;
        }
    }
}

void emulated_shared_write(unsigned offset, int bytes) {
    if (!inside(offset, bytes)) {
        return;
    }
    for (unsigned i = offset / 4; i <= (offset + bytes - 1) / 4; i++) {
        Word& word = words[i];
        // Two bf16 of a word may be written by two lanes: that alone is no race, and wrong values show otherwise.
        const bool readBefore = word.read.thread != NOBODY && word.read.blockBarriers == blockBarriers;
        if (readBefore) {
            const bool ofThisWarp = word.readingWarp == running / WARP;
            const bool own = word.read.thread == running;
            if (!ofThisWarp || (!own && word.read.warpBarriers == members[running].warpBarriers)) {
                emulated_fault("a write to shared memory without a barrier behind another thread's read");
            }
        }
        word.write = access_now();
    }
}

void emulated_copy_to_shared(unsigned offset, const void* from, int bytes) {
    if (offset % 16 || reinterpret_cast<std::uintptr_t>(from) % 16) {
        emulated_fault("an asynchronous copy from or to a misaligned address");
    }
    if (!inside(offset, 16)) {
        return;
    }
    emulated_shared_write(offset, 16);
    Copy copy{offset, {}};
    std::memcpy(copy.data.data(), from, bytes);
    std::memset(emulated_shared + offset, NOT_A_NUMBER, 16);
    members[running].open.push_back(copy);
    emulated_counts.copiedBytes += bytes;
}

void emulated_commit_copies() {
    Thread& me = members[running];
    me.groups.push_back(std::move(me.open));
    me.open.clear();
}

void emulated_wait_for_copies(int groupsLeft) {
    Thread& me = members[running];
    while (static_cast<int>(me.groups.size()) > groupsLeft) {
        for (const Copy& copy : me.groups.front()) {
            emulated_shared_write(copy.offset, 16);
            std::memcpy(emulated_shared + copy.offset, copy.data.data(), 16);
        }
        me.groups.erase(me.groups.begin());
    }
}

EmulatedWords* emulated_fragments(const unsigned (&a)[4], const unsigned (&b)[2]) {
    const std::uint64_t mine[3] = {a[0] | static_cast<std::uint64_t>(a[1]) << 32,
                                   a[2] | static_cast<std::uint64_t>(a[3]) << 32,
                                   b[0] | static_cast<std::uint64_t>(b[1]) << 32};
    if (emulated_lane() == 0) {
        emulated_counts.products++;
    }
    return emulated_exchange(mine, 3);
}

void emulated_mma_m16n8k8(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
    const auto bits = [](float value) { return __float_as_uint(emulated_truncated_to_tf32(value)); };
    const unsigned left[4] = {bits(a[0]), bits(a[1]), bits(a[2]), bits(a[3])};
    const unsigned right[2] = {bits(b[0]), bits(b[1])};
    EmulatedWords* all = emulated_fragments(left, right);
    const int g = emulated_lane() / 4;
    const int t = emulated_lane() % 4;
    for (int i = 0; i < 4; i++) {
        const int column = 2 * t + i % 2;
        for (int k = 0; k < 8; k++) {
            d[i] += __uint_as_float(emulated_half_of(all[g * 4 + k % 4][k / 4], i / 2)) *
                    __uint_as_float(emulated_half_of(all[column * 4 + k % 4][2], k / 4));
        }
    }
}

// Runs a kernel. Returns 0, or 1: no kernel of that name, 2: a block that no GPU takes, 3: divergent barriers, 4: what
// emulated_fault_message says. Not for several threads at once.
extern "C" int emulate(const char* kernel, unsigned gridX, unsigned gridY, unsigned blockX, unsigned blockY,
                       unsigned dynamicSharedBytes, void** arguments) {
    const auto found = kernels().find(kernel);
    if (found == kernels().end()) {
        return 1;
    }
    const int threads = blockX * blockY;
    if (threads < 1 || threads > MOST_THREADS || gridX < 1 || gridY < 1 || gridY > 65535 ||
        dynamicSharedBytes > MOST_SHARED_BYTES ||
        (found->second.mostThreads > 0 && threads > found->second.mostThreads)) {
        return 2;
    }
    stacks.resize(MOST_THREADS * STACK_BYTES);
    sharedBytes = dynamicSharedBytes;
    sharedMemory.resize(MOST_SHARED_BYTES + GUARD_BYTES + 1024);
    const auto base = reinterpret_cast<std::uintptr_t>(sharedMemory.data());
    emulated_shared = reinterpret_cast<unsigned char*>((base + 1023) & ~std::uintptr_t{1023});
    words.assign((sharedBytes + 3) / 4, Word{{NOBODY, 0, 0}, {NOBODY, 0, 0}, NOBODY});
    fault.clear();
    current = found->second.call;
    currentArguments = arguments;
    gridDim = {gridX, gridY, 1};
    blockDim = {blockX, blockY, 1};
    for (unsigned y = 0; y < gridY; y++) {
        for (unsigned x = 0; x < gridX; x++) {
            blockIdx = {x, y, 0};
            if (!run_block(threads, static_cast<Order>((x + y) % 3))) {
                return 3;
            }
        }
    }
    return fault.empty() ? 0 : 4;
}

extern "C" const char* emulated_fault_message() {
    return fault.c_str();
}

// Bank conflicts, accesses of shared memory, products and bytes copied since the last call.
extern "C" void emulated_take_counts(long long* counts) {
    counts[0] = emulated_counts.conflicts;
    counts[1] = emulated_counts.accesses;
    counts[2] = emulated_counts.products;
    counts[3] = emulated_counts.copiedBytes;
    emulated_counts = {};
}

// Calls `visit` with the name of every kernel, the bytes of each of its arguments and the most threads of a block, 0 where
// the source has to tell.
extern "C" void emulated_kernels(
    void (*visit)(void* context, const char* name, const int* bytes, int arguments, int mostThreads), void* context) {
    for (const auto& [name, kernel] : kernels()) {
        visit(context, name.c_str(), kernel.argumentBytes.data(), static_cast<int>(kernel.argumentBytes.size()),
              kernel.mostThreads);
    }
}
