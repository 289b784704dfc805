// A stand-in for NCCL: ranks are processes, which meet in a file that all of them map. A sum runs when the stream of its
// rank comes to it and waits there for the other ranks, as NCCL's kernels do; a rank that has ended is noticed.
#include "client.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

#define API EXPORTED int

namespace {

// ncclResult_t, from nccl.h.
enum Status {
    OK = 0,
    SYSTEM_ERROR = 2,
    INTERNAL_ERROR = 3,
    INVALID_ARGUMENT = 4,
    INVALID_USAGE = 5,
    REMOTE_ERROR = 6,
};

constexpr int FLOAT32 = 7;
constexpr int SUM = 0;
constexpr int MOST_RANKS = 8;
constexpr std::size_t CHUNK = 1 << 14;  // floats that each rank shows the others at once

struct Id {
    char path[128];
};

// What a rank shows the others.
struct Shown {
    std::atomic<long> process;
    std::atomic<std::uint64_t> turn;
    std::uint64_t count;
    std::uint64_t captured;
    float floats[CHUNK];
};

struct Meeting {
    Shown ranks[MOST_RANKS];
};

struct Rank {
    Meeting* meeting;
    int number;
    int size;
    void* context;
    std::uint64_t turn = 0;
    int failure = OK;
    bool alive = true;
    std::shared_ptr<int> recordings = std::make_shared<int>();  // shared with every sum that is recorded
};

struct Part {
    float* floats;
    std::size_t count;
    Rank* rank;
    void* stream;
};

thread_local int depth = 0;
thread_local std::vector<Part> group;
thread_local std::string lastError;

const StandIn* driver() {
    return driverOfProcess();
}

int failed(int status, const char* why) {
    lastError = why;
    return status;
}

// Whether a process is still there; a zombie is not.
bool exists(long process) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    FILE* file = fopen(path, "r");
    if (!file) {
        return false;
    }
    char state = 'Z';
    const bool read = fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
    fclose(file);
    return read && state != 'Z';
}

// Waits until all ranks have come as far. False: one of them never will.
bool meet(Rank& rank) {
    rank.meeting->ranks[rank.number].turn = ++rank.turn;
    for (int other = 0; other < rank.size; other++) {
        Shown& shown = rank.meeting->ranks[other];
        for (int tries = 0; shown.turn < rank.turn; tries++) {
            if (tries % 1000 == 999 && shown.process && !exists(shown.process) && shown.turn < rank.turn) {
                return false;
            }
            std::this_thread::sleep_for(std::chrono::microseconds(tries < 100 ? 0 : 50));
        }
    }
    return true;
}

void sum(const Part& part, bool captured) {
    Rank& rank = *part.rank;
    Shown& own = rank.meeting->ranks[rank.number];
    for (std::size_t from = 0; from < part.count && rank.alive && !rank.failure; from += CHUNK) {
        const std::size_t length = std::min(CHUNK, part.count - from);
        own.count = part.count;
        own.captured = captured;
        memcpy(own.floats, part.floats + from, length * sizeof(float));
        if (!meet(rank)) {
            rank.failure = REMOTE_ERROR;
            return;
        }
        for (int other = 0; other < rank.size; other++) {
            const Shown& shown = rank.meeting->ranks[other];
            if (shown.count != part.count || shown.captured != std::uint64_t(captured)) {
                driver()->violation("ranks %d and %d sum %zu%s and %zu%s floats", rank.number, other, part.count,
                                    captured ? " captured" : "", std::size_t(shown.count),
                                    shown.captured ? " captured" : "");
            }
        }
        for (std::size_t i = 0; i < length; i++) {
            float total = rank.meeting->ranks[0].floats[i];
            for (int other = 1; other < rank.size; other++) {
                total += rank.meeting->ranks[other].floats[i];
            }
            part.floats[from + i] = total;
        }
        if (!meet(rank)) {
            rank.failure = REMOTE_ERROR;
            return;
        }
    }
}

int submit(const Part& part) {
    const bool captured = driver()->capturing(part.stream);
    const auto recording = captured ? part.rank->recordings : nullptr;
    const bool queued =
        driver()->submit(part.stream, "ncclAllReduce", [part, captured, recording] { sum(part, captured); });
    return queued ? OK : failed(INVALID_USAGE, "the stream is not valid");
}

int check(const Rank* rank, const char* function) {
    if (int injected = driver()->injected(function, INTERNAL_ERROR)) {
        return failed(injected, "injected");
    }
    if (!rank || !rank->alive) {
        driver()->violation("%s with no communicator, or one that has ended", function);
        return failed(INVALID_ARGUMENT, "no communicator");
    }
    return OK;
}

}  // namespace

API ncclGetVersion(int* version) {
    *version = 22304;
    return OK;
}

EXPORTED const char* ncclGetErrorString(int status) {
    switch (status) {
        case OK: return "no error";
        case SYSTEM_ERROR: return "unhandled system error";
        case INTERNAL_ERROR: return "internal error";
        case INVALID_ARGUMENT: return "invalid argument";
        case INVALID_USAGE: return "invalid usage";
        case REMOTE_ERROR: return "remote process exited or there was a network error";
        default: return "unknown result code";
    }
}

EXPORTED const char* ncclGetLastError(Rank*) {
    return lastError.c_str();
}

API ncclGetUniqueId(Id* out) {
    if (int injected = driver()->injected(__func__, INTERNAL_ERROR)) {
        return failed(injected, "injected");
    }
    memset(out, 0, sizeof *out);
    snprintf(out->path, sizeof out->path, "/tmp/standin-nccl-XXXXXX");
    const int file = mkstemp(out->path);
    if (file < 0 || ftruncate(file, sizeof(Meeting))) {
        return failed(SYSTEM_ERROR, "no file to meet in");
    }
    close(file);
    return OK;
}

API ncclCommInitRank(Rank** out, int size, Id id, int number) {
    if (int injected = driver()->injected(__func__, INTERNAL_ERROR)) {
        return failed(injected, "injected");
    }
    if (size < 1 || size > MOST_RANKS || number < 0 || number >= size || !driver()->mayAllocate(__func__)) {
        return failed(INVALID_ARGUMENT, "no such rank");
    }
    const int file = open(id.path, O_RDWR);
    if (file < 0) {
        return failed(SYSTEM_ERROR, "the other ranks are not there");
    }
    void* memory = mmap(nullptr, sizeof(Meeting), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    Rank* rank = new Rank{static_cast<Meeting*>(memory), number, size, driver()->context(__func__)};
    rank->meeting->ranks[number].process = getpid();
    if (!meet(*rank)) {
        return failed(REMOTE_ERROR, "a rank has ended");
    }
    unlink(id.path);  // Everybody is here.
    driver()->count("nccl-ranks", 1);
    *out = rank;
    return OK;
}

API ncclGroupStart() {
    if (int injected = driver()->injected(__func__, INTERNAL_ERROR)) {
        return failed(injected, "injected");
    }
    depth++;
    return OK;
}

API ncclGroupEnd() {
    const int injected = driver()->injected(__func__, INTERNAL_ERROR);
    if (depth == 0) {
        driver()->violation("ncclGroupEnd without a start");
        return failed(INVALID_USAGE, "no group");
    }
    if (--depth > 0) {
        return OK;
    }
    std::vector<Part> parts;
    parts.swap(group);
    if (injected) {
        return failed(injected, "injected");
    }
    for (const Part& part : parts) {
        if (int status = submit(part)) {
            return status;
        }
    }
    return OK;
}

API ncclAllReduce(const float* from, float* to, std::size_t count, int type, int operation, Rank* rank, void* stream) {
    if (int status = check(rank, __func__)) {
        return status;
    }
    if (from != to || type != FLOAT32 || operation != SUM || count == 0) {
        driver()->violation("ncclAllReduce that this project does not make");
        return failed(INVALID_ARGUMENT, "not a sum of floats in place");
    }
    if (!driver()->inside(to, count * sizeof(float))) {
        driver()->violation("ncclAllReduce outside device memory");
        return failed(INVALID_ARGUMENT, "outside device memory");
    }
    if (driver()->context(__func__) != rank->context) {
        driver()->violation("ncclAllReduce on another device than the communicator's");
        return failed(INVALID_USAGE, "another device");
    }
    const Part part{to, count, rank, stream};
    if (depth > 0) {
        group.push_back(part);
        return OK;
    }
    return submit(part);
}

API ncclCommGetAsyncError(Rank* rank, int* status) {
    if (int failure = check(rank, __func__)) {
        return failure;
    }
    *status = rank->failure;
    if (rank->failure) {
        lastError = "a rank has ended";
    }
    return OK;
}

// The rank itself is kept: sums in a queue may still name it.
API ncclCommAbort(Rank* rank) {
    const int injected = driver()->injected(__func__, INTERNAL_ERROR);
    if (!rank || !rank->alive) {
        driver()->violation("ncclCommAbort of no communicator, or twice");
        return failed(INVALID_ARGUMENT, "no communicator");
    }
    if (rank->recordings.use_count() > 1) {
        driver()->violation("ncclCommAbort while there are graphs that sum, for which it waits");
    }
    rank->alive = false;
    driver()->count("nccl-ranks", -1);
    return injected ? failed(injected, "injected") : OK;
}
