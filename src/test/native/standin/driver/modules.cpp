// Modules and launches. A module's kernels, the sizes of their arguments and the most threads of a block come from its
// PTX, as in the real driver; what runs is the same kernel compiled for the host (cuda-kernels/host).
#include "driver.h"

#include <algorithm>
#include <cstring>

// cuda-kernels/host/cuda_emulation.cpp
extern "C" int emulate(const char* kernel, unsigned gridX, unsigned gridY, unsigned blockX, unsigned blockY,
                       unsigned dynamicSharedBytes, void** arguments);
extern "C" const char* emulated_fault_message();

using namespace driver;

namespace {

constexpr int MOST_THREADS = 1024;

// Dynamic shared memory of a block that need not be asked for, and that can be.
constexpr unsigned UNASKED_SHARED_BYTES = 48 * 1024;
constexpr int MOST_SHARED_BYTES = 227 * 1024;

struct Module;

struct Function {
    Module* module;
    std::string name;
    std::vector<int> argumentBytes;
    int mostThreads = MOST_THREADS;
    unsigned mostSharedBytes = UNASKED_SHARED_BYTES;
};

struct Module {
    Context* context;
    std::map<std::string, Function*> functions;
    bool alive = true;
};

// Bytes of a parameter: ".u64 a", ".u32 a" or, of a structure, ".align 8 .b8 a[n]".
int parameterBytes(const std::string& declaration) {
    const std::size_t array = declaration.find('[');
    if (array != std::string::npos) {
        return std::atoi(declaration.c_str() + array + 1);
    }
    return declaration.find("64 ") != std::string::npos ? 8 : 4;
}

// Reads ".entry name(.param .u64 a, ...)" and ".maxntid n".
void readKernels(const std::string& ptx, Module* module) {
    const std::string entry = ".entry ";
    for (std::size_t at = ptx.find(entry); at != std::string::npos; at = ptx.find(entry, at)) {
        at += entry.size();
        const std::size_t open = ptx.find('(', at);
        const std::size_t close = ptx.find(')', open);
        const std::size_t body = ptx.find('{', close);
        auto* function = new Function{module, ptx.substr(at, open - at), {}};
        const std::string parameter = ".param ";
        std::size_t p = ptx.find(parameter, open);
        while (p < close) {
            p += parameter.size();
            function->argumentBytes.push_back(parameterBytes(ptx.substr(p, ptx.find_first_of(",)", p) - p)));
            p = ptx.find(parameter, p);
        }
        const std::size_t most = ptx.find(".maxntid ", close);
        if (most < body) {
            function->mostThreads = std::atoi(ptx.c_str() + most + 9);
        }
        module->functions[function->name] = function;
    }
}

// The number behind a directive such as ".version 6.3", without its point.
int directive(const std::string& ptx, const std::string& name) {
    const std::size_t at = ptx.find(name);
    if (at == std::string::npos) {
        return 0;
    }
    int value = 0;
    for (std::size_t i = at + name.size(); i < ptx.size() && (isdigit(ptx[i]) || ptx[i] == '.'); i++) {
        value = ptx[i] == '.' ? value : 10 * value + (ptx[i] - '0');
    }
    return value;
}

int load(Module** out, const char* image, Context* context) {
    if (int forbidden = forbiddenInCapture("cuModuleLoadData")) {
        return forbidden;
    }
    const std::string ptx = image;
    if (ptx.find(".version") == std::string::npos) {
        return INVALID_IMAGE;
    }
    if (directive(ptx, ".version ") > setting("STANDIN_PTX_VERSION", 90)) {
        return UNSUPPORTED_PTX_VERSION;
    }
    if (directive(ptx, ".target sm_") > capability(context->device)) {
        return NO_BINARY_FOR_GPU;
    }
    auto* module = new Module{context, {}};
    readKernels(ptx, module);
    if (module->functions.empty()) {
        delete module;
        return INVALID_IMAGE;
    }
    *out = module;
    count("modules", 1);
    return OK;
}

int checkShape(const Function& f, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned x, unsigned y, unsigned z) {
    const char* name = f.name.c_str();
    const unsigned long threads = static_cast<unsigned long>(x) * y * z;
    const bool goodX = gridX > 0 && gridX <= 2147483647u;
    const bool goodGrid = goodX && gridY > 0 && gridY <= 65535 && gridZ > 0 && gridZ <= 65535;
    const bool goodBlock = threads > 0 && threads <= MOST_THREADS && z <= 64;
    if (!goodGrid || !goodBlock) {
        violation("%s: grid %ux%ux%u of blocks %ux%ux%u", name, gridX, gridY, gridZ, x, y, z);
        return INVALID_VALUE;
    }
    if (threads > static_cast<unsigned long>(f.mostThreads)) {
        violation("%s: %lu threads in a block, compiled for %d", name, threads, f.mostThreads);
        return LAUNCH_OUT_OF_RESOURCES;
    }
    if (gridZ != 1 || z != 1) {
        violation("%s: a third dimension is not emulated", name);
        return NOT_SUPPORTED;
    }
    return OK;
}

// An argument as the driver copies it.
using Argument = std::vector<std::uint64_t>;

// A word that lies where the host maps memory is an address, and has to be one of device memory.
void checkAddresses(const Function& function, const std::vector<Argument>& values) {
    constexpr std::uint64_t LOWEST = std::uint64_t{1} << 40;
    constexpr std::uint64_t HIGHEST = std::uint64_t{1} << 47;
    for (std::size_t i = 0; i < values.size(); i++) {
        for (const std::uint64_t word : values[i]) {
            const bool address = function.argumentBytes[i] >= 8 && word >= LOWEST && word < HIGHEST;
            if (address && !insideDevice(reinterpret_cast<const void*>(word), 0)) {
                violation("%s: argument %zu is no address of device memory", function.name.c_str(), i);
            }
        }
    }
}

// STANDIN_FAIL_LAUNCH=n: the n-th kernel that runs ends in an illegal access, which loses its context.
bool endsIllegally(Context* context) {
    static long remaining = setting("STANDIN_FAIL_LAUNCH", 0);
    if (remaining == 0 || --remaining > 0) {
        return false;
    }
    lose(context, ILLEGAL_ADDRESS);
    return true;
}

}  // namespace

API cuModuleLoadData(Module** out, const void* image) {
    ENTER(context);
    return load(out, static_cast<const char*>(image), context);
}

API cuModuleLoadDataEx(Module** out, const void* image, unsigned, int*, void**) {
    ENTER(context);
    return load(out, static_cast<const char*>(image), context);
}

API cuModuleUnload(Module* module) {
    ENTER_RELEASE(context, outcome);
    if (!module || !module->alive) {
        violation("cuModuleUnload of no module, or twice");
        return INVALID_HANDLE;
    }
    if (int forbidden = forbiddenInCapture(__func__)) {
        return forbidden;
    }
    drainAll(context);
    module->alive = false;
    count("modules", -1);
    return outcome;
}

API cuModuleGetFunction(Function** out, Module* module, const char* name) {
    ENTER(context);
    if (!module || !module->alive) {
        violation("cuModuleGetFunction of no module, or an unloaded one");
        return INVALID_HANDLE;
    }
    const auto found = module->functions.find(name);
    if (found == module->functions.end()) {
        violation("no kernel %s in the PTX", name);
        return NOT_FOUND;
    }
    *out = found->second;
    return OK;
}

API cuFuncGetAttribute(int* value, int attribute, Function* function) {
    ENTER(context);
    switch (attribute) {
        case 0:  // most threads of a block
            *value = function->mostThreads;
            return OK;
        case 1:  // bytes of static shared memory
        case 2:  // of constants
        case 3:  // of local memory
            *value = 0;
            return OK;
        case 4:  // registers of a thread
            *value = 32;
            return OK;
        default:
            return standin_missing("this attribute of a function");
    }
}

API cuFuncSetAttribute(Function* function, int attribute, int value) {
    ENTER(context);
    if (!function || !function->module->alive) {
        violation("cuFuncSetAttribute of no function, or one of an unloaded module");
        return INVALID_HANDLE;
    }
    if (attribute != 8) {  // most bytes of dynamic shared memory
        return standin_missing("setting this attribute of a function");
    }
    if (value < 0 || value > MOST_SHARED_BYTES) {
        violation("%s: %d bytes of shared memory are more than a block can have", function->name.c_str(), value);
        return INVALID_VALUE;
    }
    function->mostSharedBytes = value;
    return OK;
}

// As if threads alone limited it: 2048 of a multiprocessor, in at most 32 blocks.
API cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Function* function, int threads, std::size_t) {
    ENTER(context);
    if (!function || !function->module->alive || threads < 1) {
        violation("occupancy of no function, or of blocks without threads");
        return INVALID_VALUE;
    }
    const int whole = (threads + 31) / 32 * 32;
    *blocks = threads > function->mostThreads ? 0 : std::min(32, 2048 / whole);
    return OK;
}

API cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, Function* function, int threads,
                                                         std::size_t shared, unsigned) {
    return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, shared);
}

API cuLaunchKernel(Function* function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                   unsigned blockY, unsigned blockZ, unsigned sharedBytes, Stream* stream, void** parameters,
                   void** extra) {
    ENTER(context);
    if (int invalid = valid(stream, context, __func__)) {
        return invalid;
    }
    if (!function || !function->module->alive || function->module->context != context) {
        violation("cuLaunchKernel of no function, or one of an unloaded module or another context");
        return INVALID_HANDLE;
    }
    if (extra || !parameters) {
        violation("%s: kernelParams expected", function->name.c_str());
        return INVALID_VALUE;
    }
    if (sharedBytes > function->mostSharedBytes) {
        violation("%s: %u bytes of shared memory, allowed are %u", function->name.c_str(), sharedBytes,
                  function->mostSharedBytes);
        return INVALID_VALUE;
    }
    if (int wrong = checkShape(*function, gridX, gridY, gridZ, blockX, blockY, blockZ)) {
        return wrong;
    }
    // As the driver does: as many arguments as the PTX declares, each as long as declared there, copied now.
    auto values = std::make_shared<std::vector<Argument>>();
    for (std::size_t i = 0; i < function->argumentBytes.size(); i++) {
        const int bytes = function->argumentBytes[i];
        values->emplace_back((bytes + 7) / 8);
        memcpy(values->back().data(), parameters[i], bytes);
    }
    checkAddresses(*function, *values);
    const std::string name = function->name;
    const auto work = [=] {
        if (endsIllegally(context) || context->lost) {
            return;
        }
        std::vector<void*> arguments;
        for (Argument& value : *values) {
            arguments.push_back(value.data());
        }
        const int status = emulate(name.c_str(), gridX, gridY, blockX, blockY, sharedBytes, arguments.data());
        if (status) {
            violation("%s: the emulation answers %d %s", name.c_str(), status, emulated_fault_message());
            lose(context, LAUNCH_FAILED);
        }
    };
    push(stream, Operation{name, dry() ? std::function<void()>() : work});
    countCall(name);
    countCall("cuLaunchKernel");
    return OK;
}
