// The emulated machine: launches a kernel by name over a grid. Built with the programs beside it into one shared library,
//   c++ -shared -fPIC -fvisibility=hidden -O2 -std=c++17 -DDENSENET4J_EMULATION cuda_emulation.cpp kernels_program.cpp dense_layer_program.cpp
// and called from the tests through Java's foreign-function interface.
#include "cuda_emulation.h"

#include "emulated_program.h"
#include "fibre.h"

#include <array>
#include <map>

int emulated_thread;
Index threadIdx;
Index blockIdx;
Index blockDim;
Index gridDim;
unsigned char* emulated_shared;
EmulatedCounts emulated_counts;

// Others are hidden, so that kernels call them directly.
#define EMULATED_EXPORT extern "C" __attribute__((visibility("default")))

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
    Index index;
    int next;       // of its warp, in the order of this block; NOBODY behind the last one
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

struct Word {
    Access write;
    Access read;
    int readingWarp;  // SEVERAL where warps read behind the same barriers
};

constexpr int NOBODY = -1;
constexpr int SEVERAL = -2;  // lanes of one warp, behind the same barriers

Fibre scheduler;
Thread members[MOST_THREADS];
std::vector<char> stacks;
EmulatedWords slots[MOST_THREADS / WARP][2][WARP];
EmulatedTiles tiles[MOST_THREADS / WARP][2];

std::vector<unsigned char> sharedMemory;
unsigned sharedBytes;
std::vector<Word> words;
unsigned blockBarriers;  // of all blocks so far: what an earlier block did lies behind a barrier
std::string fault;

EmulatedCall current;
void** currentArguments;

std::map<std::string, EmulatedKernel>& kernels() {
    static std::map<std::string, EmulatedKernel> all;
    return all;
}

void place_thread(int t) {
    emulated_thread = t;
    threadIdx = members[t].index;
}

// The first that can run, of a lane of a warp and those behind it.
int first_ready(int t) {
    while (t != NOBODY && members[t].waiting != Waiting::NOTHING) {
        t = members[t].next;
    }
    return t;
}

// The next lane of the warp goes on, and the scheduler behind the last one.
void pause(Waiting why) {
    Thread& me = members[emulated_thread];
    me.waiting = why;
    const int next = first_ready(me.next);
    if (next == NOBODY) {
        switch_fibre(me.fibre, scheduler);
    } else {
        place_thread(next);
        switch_fibre(me.fibre, members[next].fibre);
    }
}

void run_thread() {
    current(currentArguments);
    for (const auto& group : members[emulated_thread].groups) {
        if (!group.empty()) {
            emulated_fault("an asynchronous copy is on its way when its thread ends");
        }
    }
    pause(Waiting::DONE);
}

void start(unsigned t, int next) {
    Thread& thread = members[t];
    thread.waiting = Waiting::NOTHING;
    thread.next = next;
    thread.index = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
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

// Makes the threads of a warp ready to begin.
void start_warp(int warp, int threads, Order order) {
    const int first = warp * WARP;
    const int last = min(first + WARP, threads) - 1;
    for (int t = first; t <= last; t++) {
        const int next = order == Order::DOWNWARDS ? t - 1 : t + 1;
        start(t, next < first || next > last ? NOBODY : next);
    }
}

void run_warp(int warp, int threads, Order order) {
    const int first = warp * WARP;
    const int end = min(first + WARP, threads);
    do {
        const int t = first_ready(order == Order::DOWNWARDS ? end - 1 : first);
        if (t != NOBODY) {
            place_thread(t);
            switch_fibre(scheduler, members[t].fibre);
        }
    } while (release(first, end, Waiting::WARP_ONLY));
}

// Returns false when threads wait for each other at different barriers, which hangs a GPU.
bool run_block(int threads, Order order) {
    std::memset(emulated_shared, NOT_A_NUMBER, sharedBytes);
    std::memset(emulated_shared + sharedBytes, GUARD, GUARD_BYTES);
    blockBarriers++;
    const int warps = (threads + WARP - 1) / WARP;
    for (int warp = 0; warp < warps; warp++) {
        start_warp(warp, threads, order);
    }
    do {
        for (int i = 0; i < warps; i++) {
            run_warp(warp_at(i, warps, order), threads, order);
        }
        blockBarriers++;
    } while (release(0, threads, Waiting::BLOCK));
    const unsigned char* guard = emulated_shared + sharedBytes;
    if (*guard != GUARD || std::memcmp(guard, guard + 1, GUARD_BYTES - 1) != 0) {
        emulated_fault("a store behind the block's shared memory");
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
    return access.thread >= 0 && access.thread / WARP == emulated_thread / WARP &&
           (access.thread == emulated_thread || access.warpBarriers != members[emulated_thread].warpBarriers);
}

bool inside(unsigned offset, int bytes) {
    if (offset + bytes > sharedBytes) {
        emulated_fault("an access behind the block's shared memory");
        return false;
    }
    return true;
}

Access access_now() {
    return {emulated_thread, blockBarriers, members[emulated_thread].warpBarriers};
}

// Turns in which a warp's access of `bytes` a lane is served, `lanes` of them together, beyond the least possible.
void count_banks(EmulatedWords* all, int bytes, int lanes) {
    for (int first = 0; first < WARP; first += lanes) {
        int turns = 1;
        std::uint64_t seen[WARP][WARP];  // the different words of each bank
        int counts[WARP] = {};
        for (int i = first; i < first + lanes; i++) {
            if (all[i][0] == EMULATED_NO_ACCESS) {
                continue;
            }
            for (int b = 0; b < bytes; b += 4) {
                const std::uint64_t word = (all[i][0] + b) / 4;
                std::uint64_t* ofBank = seen[word % WARP];
                int& n = counts[word % WARP];
                if (n < WARP && std::find(ofBank, ofBank + n, word) == ofBank + n) {
                    ofBank[n++] = word;
                    turns = max(turns, n);
                }
            }
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
    members[emulated_thread].warpBarriers++;
}

EmulatedWords* emulated_exchange(const std::uint64_t* mine, int count) {
    EmulatedWords* all = slots[emulated_thread / WARP][members[emulated_thread].exchanges++ % 2];
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
        if (again && word.readingWarp != emulated_thread / WARP) {
            word.readingWarp = SEVERAL;
        } else if (!again) {
            word.readingWarp = emulated_thread / WARP;
        }
        const bool others = again && (word.read.thread != emulated_thread) &&
                            word.read.warpBarriers == members[emulated_thread].warpBarriers;
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
            const bool ofThisWarp = word.readingWarp == emulated_thread / WARP;
            const bool own = word.read.thread == emulated_thread;
            if (!ofThisWarp || (!own && word.read.warpBarriers == members[emulated_thread].warpBarriers)) {
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
    members[emulated_thread].open.push_back(copy);
    emulated_counts.copiedBytes += bytes;
}

void emulated_commit_copies() {
    Thread& me = members[emulated_thread];
    me.groups.push_back(std::move(me.open));
    me.open.clear();
}

void emulated_wait_for_copies(int groupsLeft) {
    Thread& me = members[emulated_thread];
    while (static_cast<int>(me.groups.size()) > groupsLeft) {
        for (const Copy& copy : me.groups.front()) {
            emulated_shared_write(copy.offset, 16);
            std::memcpy(emulated_shared + copy.offset, copy.data.data(), 16);
        }
        me.groups.erase(me.groups.begin());
    }
}

EmulatedTiles& emulated_tiles() {
    return tiles[emulated_thread / WARP][members[emulated_thread].exchanges % 2];
}

void emulated_await_tiles() {
    if (emulated_lane() == 0) {
        emulated_counts.products++;
    }
    members[emulated_thread].exchanges++;
    pause(Waiting::WARP_ONLY);
}

// Runs a kernel. Returns 0, or 1: no kernel of that name, 2: a block that no GPU takes, 3: divergent barriers, 4: what
// emulated_fault_message says. Not for several threads at once.
EMULATED_EXPORT int emulate(const char* kernel, unsigned gridX, unsigned gridY, unsigned blockX, unsigned blockY,
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

EMULATED_EXPORT const char* emulated_fault_message() {
    return fault.c_str();
}

// Bank conflicts, accesses of shared memory, products and bytes copied since the last call.
EMULATED_EXPORT void emulated_take_counts(long long* counts) {
    counts[0] = emulated_counts.conflicts;
    counts[1] = emulated_counts.accesses;
    counts[2] = emulated_counts.products;
    counts[3] = emulated_counts.copiedBytes;
    emulated_counts = {};
}

// Calls `visit` with the name of every kernel, the bytes of each of its arguments and the most threads of a block, 0 where
// the source has to tell.
EMULATED_EXPORT void emulated_kernels(
    void (*visit)(void* context, const char* name, const int* bytes, int arguments, int mostThreads), void* context) {
    for (const auto& [name, kernel] : kernels()) {
        visit(context, name.c_str(), kernel.argumentBytes.data(), static_cast<int>(kernel.argumentBytes.size()),
              kernel.mostThreads);
    }
}
