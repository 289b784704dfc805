package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.Kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/**
 * What passes in machine code share: the memory whose matrices they run over, and the kernels, each
 * of which is compiled when its form is first met.
 */
final class CompiledPasses implements AutoCloseable {
    private final InstructionSet set;
    private final Arena lifetime;
    private final MemorySegment memory;
    private final List<KernelCache<?, ?>> caches = new ArrayList<>();

    /**
     * Passes over some memory.
     *
     * @param lifetime of the memory
     */
    CompiledPasses(Target target, Arena lifetime, MemorySegment memory) {
        this.set = target.set();
        this.lifetime = lifetime;
        this.memory = memory;
    }

    /** Kernels of one kind, closed with these passes. */
    <F, K extends Kernel> KernelCache<F, K> kernels(BiFunction<InstructionSet, F, K> compile) {
        KernelCache<F, K> cache = new KernelCache<>(set, compile);
        caches.add(cache);
        return cache;
    }

    /** Room for a kernel's arguments, for each thread. */
    ThreadLocal<Arguments> arguments(Class<? extends Enum<?>> names) {
        return ThreadLocal.withInitial(() -> new Arguments(lifetime, names));
    }

    InstructionSet set() {
        return set;
    }

    MemorySegment memory() {
        return memory;
    }

    long address(Matrix m) {
        return memory.address() + m.offset();
    }

    @Override
    public void close() {
        caches.forEach(KernelCache::close);
    }
}
