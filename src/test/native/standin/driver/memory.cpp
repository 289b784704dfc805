// Device memory and page-locked memory, both host memory that ends at a page which cannot be read, and copies.
#include "driver.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace driver {

namespace {

constexpr std::size_t PAGE = 4096;
constexpr std::size_t GRANULARITY = 2u << 20;      // what the driver rounds allocations to
constexpr std::size_t MOST_FILLED = 256u << 20;    // behind it a block stays as it is: filling would cost memory
constexpr std::size_t MOST_PINNED_FILLED = 1u << 20;
constexpr int NOT_A_NUMBER = 0xFF;                 // in every byte: every float is a NaN, nobody clears memory for you

struct Block {
    std::size_t bytes;
    void* mapping;
    std::size_t mapped;
    Context* context;
};

using Blocks = std::map<std::uintptr_t, Block>;

Blocks& device = *new Blocks;
Blocks& pinned = *new Blocks;

std::size_t rounded(std::size_t bytes, std::size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

bool in(const Blocks& blocks, const void* address, std::size_t bytes) {
    const auto a = reinterpret_cast<std::uintptr_t>(address);
    auto block = blocks.upper_bound(a);
    if (block == blocks.begin()) {
        return false;
    }
    --block;
    return a + bytes <= block->first + block->second.bytes;
}

int allocate(Blocks& where, void** out, std::size_t bytes, Context* context, std::size_t mostFilled) {
    const std::size_t body = rounded(bytes, 256);
    const std::size_t pages = rounded(body, PAGE);
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* mapping = mmap(nullptr, pages + 2 * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (mapping == MAP_FAILED) {
        return OUT_OF_MEMORY;
    }
    char* first = static_cast<char*>(mapping);
    mprotect(first, PAGE, PROT_NONE);
    mprotect(first + PAGE + pages, PAGE, PROT_NONE);
    char* address = first + PAGE + pages - body;
    memset(address, NOT_A_NUMBER, std::min(body, mostFilled));
    where[reinterpret_cast<std::uintptr_t>(address)] = {bytes, mapping, pages + 2 * PAGE, context};
    *out = address;
    return OK;
}

int release(Blocks& where, void* address, const char* caller) {
    const auto block = where.find(reinterpret_cast<std::uintptr_t>(address));
    if (block == where.end()) {
        violation("%s of what was not allocated, or twice", caller);
        return INVALID_VALUE;
    }
    munmap(block->second.mapping, block->second.mapped);
    where.erase(block);
    return OK;
}

void forget(Blocks& blocks, Context* context, const char* kind) {
    for (auto block = blocks.begin(); block != blocks.end();) {
        if (block->second.context != context) {
            ++block;
            continue;
        }
        violation("%s memory (%zu bytes) outlives its context", kind, block->second.bytes);
        munmap(block->second.mapping, block->second.mapped);
        block = blocks.erase(block);
    }
}

enum class Direction { TO_DEVICE, TO_HOST, ON_DEVICE };

int copy(const char* caller, Context* context, Stream* stream, void* to, const void* from, std::size_t bytes,
         Direction direction) {
    if (int invalid = valid(stream, context, caller)) {
        return invalid;
    }
    if (bytes == 0) {
        violation("%s of 0 bytes", caller);
    }
    const bool toGood = direction == Direction::TO_HOST ? in(pinned, to, bytes) : in(device, to, bytes);
    const bool fromGood = direction == Direction::TO_DEVICE ? in(pinned, from, bytes) : in(device, from, bytes);
    if (!toGood || !fromGood) {
        violation("%s: %s is outside its memory (%zu bytes)", caller, toGood ? "source" : "target", bytes);
        return INVALID_VALUE;
    }
    std::function<void()> work = [=] { memmove(to, from, bytes); };
    if (dry()) {
        work = nullptr;
        if (direction == Direction::TO_HOST) {
            work = [=] { memset(to, 0, bytes); };
        }
    }
    push(stream, Operation{caller, work});
    countCall(caller);
    countCall(std::string(caller) + " bytes", static_cast<long>(bytes));
    return OK;
}

int fill(const char* caller, Context* context, Stream* stream, void* to, std::size_t bytes,
         std::function<void()> work) {
    if (int invalid = valid(stream, context, caller)) {
        return invalid;
    }
    if (!in(device, to, bytes)) {
        violation("%s outside its memory (%zu bytes)", caller, bytes);
        return INVALID_VALUE;
    }
    push(stream, Operation{caller, dry() ? nullptr : work});
    countCall(caller);
    countCall(std::string(caller) + " bytes", static_cast<long>(bytes));
    return OK;
}

}  // namespace

bool insideDevice(const void* address, std::size_t bytes) {
    Guard guard(lock);
    return in(device, address, bytes);
}

void reportMemory(Context* context) {
    forget(device, context, "device");
    forget(pinned, context, "page-locked");
}

std::string liveMemory() {
    std::string all;
    if (!device.empty()) {
        all += " device-blocks=" + std::to_string(device.size());
    }
    if (!pinned.empty()) {
        all += " pinned-blocks=" + std::to_string(pinned.size());
    }
    return all;
}

}  // namespace driver

using namespace driver;

API cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
    ENTER(context);
    *total = totalBytes();
    *free = totalBytes() - context->used;
    return OK;
}

API cuMemAlloc_v2(void** out, std::size_t bytes) {
    ENTER(context);
    if (int forbidden = forbiddenInCapture(__func__)) {
        return forbidden;
    }
    if (bytes == 0) {
        violation("cuMemAlloc of 0 bytes");
        return INVALID_VALUE;
    }
    if (context->used + rounded(bytes, GRANULARITY) > totalBytes()) {
        return OUT_OF_MEMORY;
    }
    const int status = allocate(device, out, bytes, context, dry() ? 0 : MOST_FILLED);
    if (status == OK) {
        context->used += rounded(bytes, GRANULARITY);
    }
    return status;
}

API cuMemFree_v2(void* address) {
    ENTER_RELEASE(context, outcome);
    if (int forbidden = forbiddenInCapture(__func__)) {
        return forbidden;
    }
    drainAll(context);
    const auto block = device.find(reinterpret_cast<std::uintptr_t>(address));
    if (block != device.end()) {
        context->used -= rounded(block->second.bytes, GRANULARITY);
    }
    const int status = release(device, address, __func__);
    return status ? status : outcome;
}

API cuMemAllocHost_v2(void** out, std::size_t bytes) {
    ENTER(context);
    if (int forbidden = forbiddenInCapture(__func__)) {
        return forbidden;
    }
    if (bytes == 0) {
        violation("cuMemAllocHost of 0 bytes");
        return INVALID_VALUE;
    }
    return allocate(pinned, out, bytes, context, MOST_PINNED_FILLED);
}

API cuMemHostAlloc(void** out, std::size_t bytes, unsigned) {
    return cuMemAllocHost_v2(out, bytes);
}

API cuMemFreeHost(void* address) {
    ENTER_RELEASE(context, outcome);
    if (int forbidden = forbiddenInCapture(__func__)) {
        return forbidden;
    }
    drainAll(context);
    const int status = release(pinned, address, __func__);
    return status ? status : outcome;
}

API cuMemcpyHtoDAsync_v2(void* to, const void* from, std::size_t bytes, Stream* stream) {
    ENTER(context);
    return copy(__func__, context, stream, to, from, bytes, Direction::TO_DEVICE);
}

API cuMemcpyDtoHAsync_v2(void* to, const void* from, std::size_t bytes, Stream* stream) {
    ENTER(context);
    return copy(__func__, context, stream, to, from, bytes, Direction::TO_HOST);
}

API cuMemcpyDtoDAsync_v2(void* to, const void* from, std::size_t bytes, Stream* stream) {
    ENTER(context);
    return copy(__func__, context, stream, to, from, bytes, Direction::ON_DEVICE);
}

API cuMemsetD8Async(void* to, unsigned char value, std::size_t bytes, Stream* stream) {
    ENTER(context);
    return fill(__func__, context, stream, to, bytes, [=] { memset(to, value, bytes); });
}

API cuMemsetD32Async(void* to, unsigned value, std::size_t number, Stream* stream) {
    ENTER(context);
    return fill(__func__, context, stream, to, 4 * number, [=] {
        auto* words = static_cast<unsigned*>(to);
        std::fill(words, words + number, value);
    });
}
