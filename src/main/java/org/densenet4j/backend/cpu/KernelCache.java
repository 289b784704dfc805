package org.densenet4j.backend.cpu;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Kernel;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;

/**
 * Kernels of one kind, compiled when a form is first met, and kept.
 *
 * @param <F> what they are compiled for
 * @param <K> the kernels
 */
final class KernelCache<F, K extends Kernel> implements AutoCloseable {
    private final Map<F, K> kernels = new ConcurrentHashMap<>();
    private final InstructionSet set;
    private final BiFunction<InstructionSet, F, K> compile;
    private boolean closed;

    KernelCache(InstructionSet set, BiFunction<InstructionSet, F, K> compile) {
        this.set = set;
        this.compile = compile;
    }

    /**
     * The kernel for a form. After {@link #close}, one that is there is still returned; its run()
     * throws.
     *
     * @throws IllegalStateException when it would have to be compiled after {@link #close}
     */
    K of(F form) {
        K kernel = kernels.get(form);
        if (kernel != null) {
            return kernel;
        }
        if (closed) {
            throw new IllegalStateException("machine code is closed");
        }
        return kernels.computeIfAbsent(form, f -> compile.apply(set, f));
    }

    @Override
    public void close() {
        closed = true;
        kernels.values().forEach(Kernel::close);
    }
}
