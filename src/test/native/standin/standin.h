// What the stand-in libraries share. libcuda.so.1 owns memory, streams and graphs and reports what went wrong; the
// others ask it and give it their work as closures of the host.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <functional>

#define EXPORTED extern "C" __attribute__((visibility("default")))

struct StandIn {
    // Queues work on a stream, or records it into the graph that the stream captures. False: the stream or the current
    // context is not valid, which has been reported.
    bool (*submit)(void* stream, const char* name, std::function<void()> work);

    // Reports a broken precondition: printed, counted, fatal with STANDIN_ABORT=1.
    void (*violation)(const char* format, ...);

    // Whether [address, address + bytes) lies in one live block of device memory.
    bool (*inside)(const void* address, std::size_t bytes);

    // The calling thread's context, or null, which has been reported.
    void* (*context)(const char* caller);

    // Whether work of this stream is being recorded.
    bool (*capturing)(void* stream);

    // False and reported when the calling thread records a step: what allocates or waits is forbidden then.
    bool (*mayAllocate)(const char* caller);

    // Counts live objects of a kind, for the report of leaks.
    void (*count)(const char* kind, int delta);

    // Whether this call is the one that has to fail, or the device is lost: then the status to answer, else 0.
    int (*injected)(const char* function, int usualStatus);

    // Whether work is only counted and memory never touched (STANDIN_DRY=1).
    bool (*dry)();
};

EXPORTED const StandIn* standin();

// Answers for a function that the library exports and the stand-in does not have.
EXPORTED int standin_missing(const char* name);

// An environment variable as a number.
inline long setting(const char* name, long otherwise) {
    const char* text = std::getenv(name);
    return text && *text ? std::atol(text) : otherwise;
}
