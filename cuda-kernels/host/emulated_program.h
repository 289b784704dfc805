// How kernels that were compiled for the host are found by name and called with arguments that lie behind pointers.
#pragma once
#include "cuda_emulation.h"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

using EmulatedCall = void (*)(void** arguments);

struct EmulatedKernel {
    std::string name;
    EmulatedCall call;
    std::vector<int> argumentBytes;  // of each argument, in order
    int mostThreads = 0;             // of a block; 0 where that is not known here
};

// Makes kernels known; one for each program (kernels_program.cpp, dense_layer_program.cpp).
struct EmulatedProgram {
    EmulatedProgram(std::initializer_list<EmulatedKernel> kernels);
};

namespace emulated {

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

template <class... Arguments>
std::vector<int> sizes(void (*)(Arguments...)) {
    return {static_cast<int>(sizeof(Arguments))...};
}

}  // namespace emulated

#define EMULATED_KERNEL(name) {#name, emulated::entry<name>, emulated::sizes(name), 0}
#define EMULATED_BOUNDED_KERNEL(name) {#name, emulated::entry<name>, emulated::sizes(name), name##_threads}
