package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.standin.HostCompiler;
import org.densenet4j.standin.HostKernels;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The kernels of {@code cuda-kernels/} compiled by the host's C++ compiler and run on host memory;
 * see {@code cuda-kernels/host}. Tests that need it are skipped where there is no compiler.
 */
final class Emulation implements KernelLauncher {
    private static final int MOST_MESSAGE = 1024;
    private static final Object ONE_AT_A_TIME = new Object();
    private static @Nullable Emulation ofTheProject;

    private final MethodHandle emulate;
    private final MethodHandle faultMessage;
    private final MethodHandle takeCounts;

    private Emulation(Path library) {
        SymbolLookup symbols = SymbolLookup.libraryLookup(library, Arena.global());
        Linker linker = Linker.nativeLinker();
        emulate =
                linker.downcallHandle(
                        symbols.findOrThrow("emulate"),
                        FunctionDescriptor.of(
                                JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT,
                                ADDRESS));
        faultMessage =
                linker.downcallHandle(
                        symbols.findOrThrow("emulated_fault_message"),
                        FunctionDescriptor.of(
                                ADDRESS.withTargetLayout(
                                        MemoryLayout.sequenceLayout(MOST_MESSAGE, JAVA_BYTE))));
        takeCounts =
                linker.downcallHandle(
                        symbols.findOrThrow("emulated_take_counts"),
                        FunctionDescriptor.ofVoid(ADDRESS));
    }

    /** The project's kernels. */
    static Emulation open() {
        synchronized (ONE_AT_A_TIME) {
            if (ofTheProject == null) {
                ofTheProject = new Emulation(HostKernels.library(compiler()));
            }
            return ofTheProject;
        }
    }

    /**
     * One program of a dense layer from other sources than the project's.
     *
     * @param sources a copy of them all
     * @param folder where the library is made
     */
    static Emulation of(LayerProgram program, Path sources, Path folder) {
        return new Emulation(
                HostKernels.library(compiler(), sources, program.definitions(), folder));
    }

    private static HostCompiler compiler() {
        Optional<HostCompiler> compiler = HostCompiler.find();
        Assumptions.assumeTrue(
                compiler.isPresent(), "no C++ compiler: the kernels cannot be emulated");
        return compiler.orElseThrow();
    }

    /**
     * What warps did since it was asked last.
     *
     * @param conflicts turns beyond the least possible in which accesses of shared memory are
     *     served
     * @param accesses the least possible ones
     * @param products of fragments on tensor cores
     * @param copiedBytes by asynchronous copies
     */
    record Counts(long conflicts, long accesses, long products, long copiedBytes) {}

    Counts takeCounts() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment counts = arena.allocate(JAVA_LONG, 4);
            takeCounts.invokeExact(counts);
            return new Counts(
                    counts.getAtIndex(JAVA_LONG, 0),
                    counts.getAtIndex(JAVA_LONG, 1),
                    counts.getAtIndex(JAVA_LONG, 2),
                    counts.getAtIndex(JAVA_LONG, 3));
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private String fault() throws Throwable {
        return ((MemorySegment) faultMessage.invokeExact()).getString(0);
    }

    @Override
    public void launch(String kernel, Grid grid, Traffic traffic, Object... arguments) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pointers = arena.allocate(ADDRESS, arguments.length);
            for (int i = 0; i < arguments.length; i++) {
                MemorySegment value = arena.allocate(JAVA_LONG, SmallOperationList.WORDS);
                switch (arguments[i]) {
                    case Long v -> value.set(JAVA_LONG, 0, v);
                    case Integer v -> value.set(JAVA_INT, 0, v);
                    case Float v -> value.set(JAVA_FLOAT, 0, v);
                    case SmallOperationList v -> value.copyFrom(MemorySegment.ofArray(v.words()));
                    default -> throw new AssertionError(kernel + ": argument " + arguments[i]);
                }
                pointers.setAtIndex(ADDRESS, i, value);
            }
            int status;
            synchronized (ONE_AT_A_TIME) {
                status =
                        (int)
                                emulate.invokeExact(
                                        arena.allocateFrom(kernel),
                                        grid.blocksX(),
                                        grid.blocksY(),
                                        grid.threadsX(),
                                        grid.threadsY(),
                                        grid.sharedBytes(),
                                        pointers);
            }
            String[] meanings = {
                "", "no such kernel", "no GPU takes " + grid, "barriers diverge", fault()
            };
            if (status != 0) {
                throw new AssertionError(kernel + ": " + meanings[status]);
            }
        } catch (Error | RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
