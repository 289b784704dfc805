package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The implementations of one idea that a device has. They are tried in order: machine code, where
 * there is some and all activations are stored alike; loops on the Vector API, where the JVM has
 * it; plain loops.
 *
 * @param <T> the idea
 */
final class Choice<T> {
    private final Class<T> idea;
    private final MemorySegment memory;
    private final Optional<T> compiled;
    private final Optional<Supplier<Class<? extends T>>> vectors;
    private final Function<MemorySegment, T> plain;
    private final boolean slow;
    // Made when they are first needed, null before; two threads may make two, which are alike.
    private volatile T floats;
    private volatile T halves;

    /**
     * The implementations that a device has.
     *
     * @param vectors names the class, so that nothing of the Vector API is loaded before it is used
     * @param slow whether plain loops are worth a warning
     */
    Choice(
            Class<T> idea,
            MemorySegment memory,
            Optional<T> compiled,
            Optional<Supplier<Class<? extends T>>> vectors,
            Function<MemorySegment, T> plain,
            boolean slow) {
        this.idea = idea;
        this.memory = memory;
        this.compiled = compiled;
        this.vectors = vectors;
        this.plain = plain;
        this.slow = slow;
    }

    /**
     * The first implementation for these.
     *
     * @param x whose storage type loops are for
     */
    T of(Matrix x, Matrix... others) {
        return compiled.isPresent() && alike(x, others) ? compiled.get() : loops(x);
    }

    private static boolean alike(Matrix x, Matrix... others) {
        for (Matrix m : others) {
            if (m.type() != x.type()) {
                return false;
            }
        }
        return true;
    }

    /** The loops, for what the machine code is not for. */
    T loops(Matrix x) {
        if (slow && vectors.isEmpty()) {
            SlowdownNotice.loopsWithoutVectors();
        }
        T loops = x.type() == DataType.FLOAT32 ? floats : halves;
        return loops != null ? loops : make(x.type());
    }

    private T make(DataType type) {
        T loops =
                vectors.isPresent()
                        ? StorageCopy.of(idea, vectors.get().get(), type, memory)
                        : plain.apply(memory);
        if (type == DataType.FLOAT32) {
            floats = loops;
        } else {
            halves = loops;
        }
        return loops;
    }

    /** What runs here, in the order in which it is tried. */
    String implementations() {
        String loops = vectors.isPresent() ? CpuKernels.VECTOR_API : CpuKernels.PLAIN_LOOPS;
        return compiled.isPresent() ? CpuKernels.MACHINE_CODE + ", else " + loops : loops;
    }
}
