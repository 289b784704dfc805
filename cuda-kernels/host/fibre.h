// Fibres: stacks that one thread of the host switches between. A block of a kernel has a fibre for each of its threads
// and switches at every barrier, so the switch decides how long an emulated kernel takes.
//
// On x86-64 a switch saves the registers that a called function has to preserve (System V ABI) and changes the stack.
// The C library's swapcontext, used elsewhere, does the same and two system calls for the signal mask besides, which
// makes a training step about ten times slower.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__) && defined(__linux__)

struct Fibre {
    void* stackPointer;
};

extern "C" void emulated_fibre_switch(void** saved, void* next);

asm(R"(
.text
.type emulated_fibre_switch, @function
emulated_fibre_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size emulated_fibre_switch, .-emulated_fibre_switch
)");

// The fibre will begin in `start`, which must never return.
inline void make_fibre(Fibre& fibre, char* stack, std::size_t bytes, void (*start)()) {
    constexpr int SAVED_REGISTERS = 6;
    const auto top = (reinterpret_cast<std::uintptr_t>(stack) + bytes) & ~std::uintptr_t{15};
    void** pointer = reinterpret_cast<void**>(top);
    *--pointer = nullptr;  // a return address would lie here: start finds the stack aligned as after a call
    *--pointer = reinterpret_cast<void*>(start);
    for (int i = 0; i < SAVED_REGISTERS; i++) {
        *--pointer = nullptr;
    }
    fibre.stackPointer = pointer;
}

inline void switch_fibre(Fibre& from, Fibre& to) {
    emulated_fibre_switch(&from.stackPointer, to.stackPointer);
}

#else

#include <ucontext.h>

struct Fibre {
    ucontext_t context;
};

// The fibre will begin in `start`, which must never return.
inline void make_fibre(Fibre& fibre, char* stack, std::size_t bytes, void (*start)()) {
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = stack;
    fibre.context.uc_stack.ss_size = bytes;
    fibre.context.uc_link = nullptr;
    makecontext(&fibre.context, start, 0);
}

inline void switch_fibre(Fibre& from, Fibre& to) {
    swapcontext(&from.context, &to.context);
}

#endif
