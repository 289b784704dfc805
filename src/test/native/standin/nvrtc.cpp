// A stand-in for NVRTC: "compiles" the kernels into what the stand-in driver reads of PTX, which is the kernels' names,
// the sizes of their arguments and the most threads of a block. Names and sizes come from the C++ types of the kernels
// as compiled for the host (cuda-kernels/host), threads from __launch_bounds__ in the source.
#include "standin.h"

#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#define API EXPORTED int

// cuda-kernels/host/cuda_emulation.cpp
extern "C" void emulated_kernels(
    void (*visit)(void* context, const char* name, const int* bytes, int arguments, int mostThreads), void* context);

namespace {

// nvrtcResult, from nvrtc.h.
enum Status { OK = 0, INVALID_INPUT = 3, INVALID_PROGRAM = 4, INVALID_OPTION = 5, COMPILATION = 6 };

const std::vector<int> ARCHITECTURES = {75, 80, 86, 89, 90, 100, 120};

struct Program {
    std::string source;
    std::string ptx;
    std::string log;
};

// The number in "constexpr int THREADS = 256;".
int threads(const std::string& source) {
    const std::string constant = "constexpr int THREADS = ";
    const std::size_t at = source.find(constant);
    return at == std::string::npos ? 1024 : std::atoi(source.c_str() + at + constant.size());
}

// The kernels without __launch_bounds__, written "__global__ void name(". All others, many of them made by macros, are
// compiled for THREADS.
std::set<std::string> unbounded(const std::string& source) {
    std::set<std::string> names;
    const std::string start = "__global__ void ";
    for (std::size_t at = source.find(start); at != std::string::npos; at = source.find(start, at)) {
        at += start.size();
        names.insert(source.substr(at, source.find_first_of("( \n", at) - at));
    }
    return names;
}

struct Writer {
    std::string ptx;
    int threads;
    std::set<std::string> unbounded;
};

void writeKernel(void* context, const char* name, const int* bytes, int arguments, int mostThreads) {
    auto* writer = static_cast<Writer*>(context);
    std::string& ptx = writer->ptx;
    ptx += std::string(".visible .entry ") + name + "(\n";
    for (int i = 0; i < arguments; i++) {
        const std::string parameter = std::string(name) + "_param_" + std::to_string(i);
        if (bytes[i] > 8) {
            ptx += "\t.param .align 8 .b8 " + parameter + "[" + std::to_string(bytes[i]) + "]";
        } else {
            ptx += std::string("\t.param ") + (bytes[i] == 8 ? ".u64 " : ".u32 ") + parameter;
        }
        ptx += i + 1 < arguments ? ",\n" : "\n";
    }
    ptx += ")\n";
    if (writer->unbounded.count(name) == 0) {
        ptx += ".maxntid " + std::to_string(mostThreads > 0 ? mostThreads : writer->threads) + ", 1, 1\n";
    }
    ptx += "{\n\tret;\n}\n";
}

int copyOut(const std::string& text, char* out) {
    memcpy(out, text.c_str(), text.size() + 1);
    return OK;
}

}  // namespace

API nvrtcVersion(int* major, int* minor) {
    *major = 13;
    *minor = 0;
    return OK;
}

API nvrtcGetNumSupportedArchs(int* number) {
    *number = static_cast<int>(ARCHITECTURES.size());
    return OK;
}

API nvrtcGetSupportedArchs(int* out) {
    std::copy(ARCHITECTURES.begin(), ARCHITECTURES.end(), out);
    return OK;
}

API nvrtcCreateProgram(Program** out, const char* source, const char*, int headers, const char* const* texts,
                       const char* const*) {
    if (!source) {
        return INVALID_INPUT;
    }
    *out = new Program{source, "", ""};
    for (int i = 0; i < headers; i++) {
        (*out)->source += texts[i];
    }
    return OK;
}

API nvrtcDestroyProgram(Program** program) {
    delete *program;
    *program = nullptr;
    return OK;
}

API nvrtcCompileProgram(Program* program, int options, const char* const* texts) {
    std::string architecture;
    const std::string option = "--gpu-architecture=compute_";
    for (int i = 0; i < options; i++) {
        if (strncmp(texts[i], option.c_str(), option.size()) == 0) {
            architecture = texts[i] + option.size();
        }
    }
    if (architecture.empty()) {
        program->log = "error: --gpu-architecture expected";
        return INVALID_OPTION;
    }
    const std::string head = ".version 9.0\n.target sm_" + architecture + "\n.address_size 64\n";
    Writer writer{head, threads(program->source), unbounded(program->source)};
    emulated_kernels(writeKernel, &writer);
    program->ptx = writer.ptx;
    return OK;
}

API nvrtcGetPTXSize(Program* program, std::size_t* bytes) {
    *bytes = program->ptx.size() + 1;
    return OK;
}

API nvrtcGetPTX(Program* program, char* out) {
    return copyOut(program->ptx, out);
}

API nvrtcGetProgramLogSize(Program* program, std::size_t* bytes) {
    *bytes = program->log.size() + 1;
    return OK;
}

API nvrtcGetProgramLog(Program* program, char* out) {
    return copyOut(program->log, out);
}
