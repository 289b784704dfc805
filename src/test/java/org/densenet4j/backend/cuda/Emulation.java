package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.standin.HostCompiler;
import org.junit.jupiter.api.Assumptions;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The kernels of {@code cuda-kernels/} compiled by the host's C++ compiler and run on host memory;
 * see {@code cuda-kernels/host}. Tests that need it are skipped where there is no compiler.
 */
final class Emulation implements KernelLauncher {
    private static final Object ONE_AT_A_TIME = new Object();
    private static MethodHandle emulate;

    private Emulation() {}

    static Emulation open() {
        synchronized (ONE_AT_A_TIME) {
            if (emulate == null) {
                Optional<HostCompiler> compiler = HostCompiler.find();
                Assumptions.assumeTrue(
                        compiler.isPresent(), "no C++ compiler: the kernels cannot be emulated");
                emulate = link(compile(compiler.orElseThrow()));
            }
        }
        return new Emulation();
    }

    private static Path compile(HostCompiler compiler) {
        try {
            Path library = Files.createTempDirectory("emulation").resolve("libkernels.so");
            compiler.run(
                    List.of(
                            "-shared",
                            "-fPIC",
                            "-O2",
                            "-std=c++17",
                            "-ffp-contract=off",
                            "-Wall",
                            "-Wextra",
                            "-Werror",
                            "-Wno-unknown-pragmas",
                            "-DDENSENET4J_EMULATION",
                            "-x",
                            "c++",
                            "cuda-kernels/host/cuda_emulation.cpp",
                            "-o",
                            library.toString()));
            library.toFile().deleteOnExit();
            library.getParent().toFile().deleteOnExit();
            return library;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static MethodHandle link(Path library) {
        return Linker.nativeLinker()
                .downcallHandle(
                        SymbolLookup.libraryLookup(library, Arena.global()).findOrThrow("emulate"),
                        FunctionDescriptor.of(
                                JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT,
                                ADDRESS));
    }

    @Override
    public void launch(String kernel, Grid grid, Traffic traffic, Object... arguments) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pointers = arena.allocate(ADDRESS, arguments.length);
            for (int i = 0; i < arguments.length; i++) {
                MemorySegment value = arena.allocate(JAVA_LONG);
                switch (arguments[i]) {
                    case Long v -> value.set(JAVA_LONG, 0, v);
                    case Integer v -> value.set(JAVA_INT, 0, v);
                    case Float v -> value.set(JAVA_FLOAT, 0, v);
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
                                        pointers);
            }
            String[] meanings = {"", "no such kernel", "no GPU takes " + grid, "barriers diverge"};
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
