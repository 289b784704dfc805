// The state of the stand-in driver. Everything is behind one lock, and nothing is destroyed at exit, when threads may
// still be running.
#pragma once

#include "../standin.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#define API EXPORTED int

namespace driver {

// CUresult, from cuda.h.
enum Status {
    OK = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    NO_BINARY_FOR_GPU = 209,
    UNSUPPORTED_PTX_VERSION = 222,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    LAUNCH_OUT_OF_RESOURCES = 701,
    CONTEXT_IS_DESTROYED = 709,
    LAUNCH_FAILED = 719,
    NOT_SUPPORTED = 801,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_INVALIDATED = 901,
    CAPTURE_UNMATCHED = 903,
    CAPTURE_UNJOINED = 904,
    CAPTURE_ISOLATION = 905,
    CAPTURE_WRONG_THREAD = 908,
    UNKNOWN = 999,
};

struct Context {
    int device = 0;
    int retained = 0;
    bool alive = false;
    int lost = 0;  // the status that every further call answers: an error of a kernel stays with its context
    std::size_t used = 0;
};

struct Stream;
struct Graph;

// A place in a graph: behind so many operations of one of the streams that were captured.
struct Mark {
    std::size_t lane = 0;
    std::size_t operations = 0;
};

struct Event {
    Context* context;
    unsigned flags;
    bool alive = true;
    Stream* stream = nullptr;
    Graph* capturedIn = nullptr;
    Mark captured;
    std::uint64_t issued = 0;
    std::uint64_t done = 0;
    double milliseconds = 0;  // when it was passed, see STANDIN_TIMES
};

struct Operation {
    std::string name;
    std::function<void()> run;
    Event* record = nullptr;
    Event* wait = nullptr;
    std::uint64_t ticket = 0;  // of the event: which of its records is meant
    std::size_t lane = 0;      // in a graph: which of the captured streams it was queued on
    Mark after = {};           // in a graph: what it waits for
};

struct Graph {
    std::vector<Operation> operations;
    std::vector<std::size_t> lengths;  // operations of each stream; the first is the one that captures
    bool invalid = false;
    bool alive = true;
};

struct Stream {
    Context* context;
    bool second;  // beside the work: the second of a device's streams, which copies, and those with a priority
    bool alive = true;
    std::deque<Operation> queue;
    Graph* capture = nullptr;
    std::size_t lane = 0;  // of the capture
    std::thread::id captureThread;
    int captureMode = 0;
};

using Guard = std::lock_guard<std::recursive_mutex>;
extern std::recursive_mutex& lock;

// report.cpp
void violation(const char* format, ...) __attribute__((format(printf, 1, 2)));
void count(const char* kind, int delta);
void countCall(const std::string& name, long times = 1);
void report(const char* when);

// failures.cpp
int injected(const char* function, int usualStatus);
void lose(Context* context, int status);

// devices.cpp
extern bool initialised;
bool isDevice(int device);
int capability(int device);
std::size_t totalBytes();

// The calling thread's context, without a look at whether it is lost.
int enter(Context** out, const char* caller);

// The same without a report: null where there is none.
Context* currentOrNull();

// streams.cpp
int valid(Stream* stream, Context* context, const char* caller);
void push(Stream* stream, Operation operation);
void execute(Operation& operation);
void drain(Stream* stream);
void drainAll(Context* context);
void until(Stream* stream, const std::function<bool()>& done);
int forbiddenInCapture(const char* caller);
void joinCapture(Stream* stream, const Stream* other);
void endCapture(Graph* graph);
void runGraph(const std::vector<Operation>& operations, std::size_t lanes);
void forgetStreams(Context* context);

// memory.cpp
bool insideDevice(const void* address, std::size_t bytes);
void reportMemory(Context* context);
std::string liveMemory();

inline bool dry() {
    return setting("STANDIN_DRY", 0) != 0;
}

}  // namespace driver

// Begins a function that needs a context: fails where it has to fail, where there is none and where the device is lost.
#define ENTER(context)                                                                \
    driver::Guard guard(driver::lock);                                                \
    driver::Context* context = nullptr;                                               \
    if (int status_ = driver::enter(&context, __func__)) {                            \
        return status_;                                                               \
    }                                                                                 \
    if (context->lost) {                                                              \
        return context->lost;                                                         \
    }                                                                                 \
    if (int status_ = driver::injected(__func__, driver::UNKNOWN)) {                  \
        return status_;                                                               \
    }

// Begins a function that gives something back. It does so even when it has to fail, as the real ones do, which "may
// also return error codes from previous, asynchronous launches"; `outcome` is what to answer.
#define ENTER_RELEASE(context, outcome)                                               \
    driver::Guard guard(driver::lock);                                                \
    driver::Context* context = nullptr;                                               \
    if (int status_ = driver::enter(&context, __func__)) {                            \
        return status_;                                                               \
    }                                                                                 \
    int outcome = driver::injected(__func__, driver::UNKNOWN);                        \
    if (outcome == driver::OK) {                                                      \
        outcome = context->lost;                                                      \
    }

// Begins a function that needs no context.
#define ENTER_WITHOUT_CONTEXT()                                                       \
    driver::Guard guard(driver::lock);                                                \
    if (int status_ = driver::injected(__func__, driver::UNKNOWN)) {                  \
        return status_;                                                               \
    }
