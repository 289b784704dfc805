// Starting, devices, their attributes and contexts.
#include "driver.h"

#include <cstdio>

namespace driver {

namespace {

constexpr int FIRST_HANDLE = 7;  // a device's handle is not its index
constexpr int MOST_DEVICES = 8;

std::vector<Context>& contexts = *new std::vector<Context>(MOST_DEVICES);
thread_local std::vector<Context*> current;

int devices() {
    return static_cast<int>(setting("STANDIN_DEVICES", 1));
}

}  // namespace

bool initialised = false;

std::size_t totalBytes() {
    return static_cast<std::size_t>(setting("STANDIN_MEMORY", 85000000000L));
}

bool isDevice(int device) {
    return device >= FIRST_HANDLE && device < FIRST_HANDLE + devices();
}

int capability(int) {
    return static_cast<int>(10 * setting("STANDIN_MAJOR", 9) + setting("STANDIN_MINOR", 0));
}

int enter(Context** out, const char* caller) {
    if (!initialised) {
        violation("%s before cuInit", caller);
        return NOT_INITIALIZED;
    }
    if (current.empty() || !current.back()) {
        violation("%s without a current context", caller);
        return INVALID_CONTEXT;
    }
    if (!current.back()->alive) {
        violation("%s in a destroyed context", caller);
        return CONTEXT_IS_DESTROYED;
    }
    *out = current.back();
    return OK;
}

Context* currentOrNull() {
    const bool usable = !current.empty() && current.back() && current.back()->alive;
    return usable ? current.back() : nullptr;
}

static void destroy(Context& context) {
    drainAll(&context);
    report("primary context destroyed");
    reportMemory(&context);
    forgetStreams(&context);
    context.alive = false;
    count("contexts", -1);
}

}  // namespace driver

using namespace driver;

API cuInit(unsigned flags) {
    ENTER_WITHOUT_CONTEXT();
    if (flags != 0) {
        return INVALID_VALUE;
    }
    initialised = true;
    return static_cast<int>(setting("STANDIN_INIT", OK));
}

API cuDriverGetVersion(int* version) {
    ENTER_WITHOUT_CONTEXT();
    *version = static_cast<int>(setting("STANDIN_DRIVER", 13000));
    return OK;
}

API cuDeviceGetCount(int* number) {
    ENTER_WITHOUT_CONTEXT();
    if (!initialised) {
        return NOT_INITIALIZED;
    }
    *number = devices();
    return OK;
}

API cuDeviceGet(int* device, int index) {
    ENTER_WITHOUT_CONTEXT();
    if (index < 0 || index >= devices()) {
        return INVALID_DEVICE;
    }
    *device = FIRST_HANDLE + index;
    return OK;
}

API cuDeviceGetName(char* out, int bytes, int device) {
    ENTER_WITHOUT_CONTEXT();
    if (!isDevice(device)) {
        return INVALID_DEVICE;
    }
    const char* name = std::getenv("STANDIN_NAME");
    snprintf(out, bytes, "%s", name ? name : "Stand-in H100");
    return OK;
}

API cuDeviceTotalMem_v2(std::size_t* bytes, int device) {
    ENTER_WITHOUT_CONTEXT();
    if (!isDevice(device)) {
        return INVALID_DEVICE;
    }
    *bytes = totalBytes();
    return OK;
}

// A universally unique identifier that starts with the device's index.
API cuDeviceGetUuid_v2(unsigned char* out, int device) {
    ENTER_WITHOUT_CONTEXT();
    if (!isDevice(device)) {
        return INVALID_DEVICE;
    }
    for (int i = 0; i < 16; i++) {
        out[i] = static_cast<unsigned char>(i == 0 ? device - FIRST_HANDLE : i);
    }
    return OK;
}

API cuDeviceGetUuid(unsigned char* out, int device) {
    return cuDeviceGetUuid_v2(out, device);
}

// CUdevice_attribute, with an H100's values. Sizes of caches and numbers of processors can be set, so that a small
// network is cut into as many chunks as a large one.
API cuDeviceGetAttribute(int* value, int attribute, int device) {
    ENTER_WITHOUT_CONTEXT();
    if (!isDevice(device)) {
        violation("cuDeviceGetAttribute of device %d", device);
        return INVALID_DEVICE;
    }
    static const auto& h100 = *new std::map<int, int>{
        {1, 1024},         // threads of a block
        {2, 1024},         // of which along x
        {3, 1024},         // along y
        {4, 64},           // along z
        {5, 2147483647},   // blocks of a grid along x
        {6, 65535},        // along y
        {7, 65535},        // along z
        {8, 49152},        // bytes of shared memory of a block
        {10, 32},          // threads of a warp
        {12, 65536},       // registers of a block
        {13, 1980000},     // clock rate, kHz
        {18, 0},           // integrated
        {20, 0},           // compute mode: default
        {31, 1},           // concurrent kernels
        {36, 2619000},     // memory clock rate, kHz
        {37, 5120},        // width of the memory bus, bits
        {39, 2048},        // threads of a multiprocessor
        {40, 3},           // copy engines
        {41, 1},           // unified addressing
        {78, 1},           // stream priorities
        {81, 233472},      // bytes of shared memory of a multiprocessor
        {82, 65536},       // registers of a multiprocessor
        {83, 1},           // managed memory
        {97, 232448},      // bytes of shared memory of a block that opts in
        {106, 32},         // blocks of a multiprocessor
        {115, 1},          // memory pools
    };
    switch (attribute) {
        case 16:
            *value = static_cast<int>(setting("STANDIN_SMS", 132));
            return OK;
        case 38:
            *value = static_cast<int>(setting("STANDIN_L2", 52428800));
            return OK;
        case 75:
            *value = capability(device) / 10;
            return OK;
        case 76:
            *value = capability(device) % 10;
            return OK;
        default:
            break;
    }
    const auto found = h100.find(attribute);
    if (found == h100.end()) {
        return standin_missing(("attribute " + std::to_string(attribute)).c_str());
    }
    *value = found->second;
    return OK;
}

API cuDevicePrimaryCtxRetain(Context** out, int device) {
    ENTER_WITHOUT_CONTEXT();
    if (!isDevice(device)) {
        return INVALID_DEVICE;
    }
    Context& context = contexts[device - FIRST_HANDLE];
    if (!context.alive) {
        context = Context{};
        context.device = device;
        context.alive = true;
        count("contexts", 1);
    }
    context.retained++;
    *out = &context;
    return OK;
}

API cuDevicePrimaryCtxRelease_v2(int device) {
    Guard guard(lock);
    const int outcome = injected(__func__, UNKNOWN);
    if (!isDevice(device)) {
        return INVALID_DEVICE;
    }
    Context& context = contexts[device - FIRST_HANDLE];
    if (context.retained == 0) {
        violation("a primary context is released once too often");
        return INVALID_CONTEXT;
    }
    if (--context.retained == 0) {
        destroy(context);
    }
    return outcome;
}

API cuCtxSetCurrent(Context* context) {
    ENTER_WITHOUT_CONTEXT();
    if (context && !context->alive) {
        violation("cuCtxSetCurrent of a destroyed context");
        return INVALID_CONTEXT;
    }
    if (current.empty()) {
        current.push_back(context);
    } else {
        current.back() = context;
    }
    return OK;
}

API cuCtxGetCurrent(Context** context) {
    *context = current.empty() ? nullptr : current.back();
    return OK;
}

API cuCtxGetDevice(int* device) {
    ENTER(context);
    *device = context->device;
    return OK;
}

API cuCtxPushCurrent_v2(Context* context) {
    ENTER_WITHOUT_CONTEXT();
    if (!context || !context->alive) {
        return INVALID_CONTEXT;
    }
    current.push_back(context);
    return OK;
}

API cuCtxPopCurrent_v2(Context** context) {
    ENTER_WITHOUT_CONTEXT();
    if (current.empty()) {
        return INVALID_CONTEXT;
    }
    if (context) {
        *context = current.back();
    }
    current.pop_back();
    return OK;
}

API cuCtxSynchronize() {
    ENTER(context);
    if (int forbidden = forbiddenInCapture(__func__)) {
        return forbidden;
    }
    drainAll(context);
    return context->lost;
}
