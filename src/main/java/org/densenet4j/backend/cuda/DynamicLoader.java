package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.densenet4j.backend.DeviceException;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * Loads a library for the whole process, so that libraries loaded later find it by its name
 * wherever it lies: {@code dlopen} with {@code RTLD_NOW | RTLD_GLOBAL} (dlopen(3): a needed library
 * is matched against the sonames of those loaded before the search path is walked), {@code
 * LoadLibrary} on Windows, which matches loaded modules by file name.
 */
final class DynamicLoader {
    private static final int RTLD_NOW = 2;
    private static final int RTLD_GLOBAL = 0x100;

    private DynamicLoader() {}

    /**
     * Loads {@code file} and keeps it until the process ends.
     *
     * @throws DeviceException with the system's reason, in one line
     */
    static void load(Path file) {
        if (CudaPlatform.WINDOWS) {
            lookup(file);
            return;
        }
        Linker linker = Linker.nativeLinker();
        SymbolLookup system = linker.defaultLookup();
        MethodHandle open =
                linker.downcallHandle(
                        system.findOrThrow("dlopen"),
                        FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT));
        MethodHandle error =
                linker.downcallHandle(
                        system.findOrThrow("dlerror"), FunctionDescriptor.of(ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment path = arena.allocateFrom(file.toString());
            MemorySegment handle = (MemorySegment) open.invokeExact(path, RTLD_NOW | RTLD_GLOBAL);
            if (handle.address() == 0) {
                MemorySegment reason = (MemorySegment) error.invokeExact();
                throw cannotLoad(
                        file,
                        reason.address() == 0
                                ? "unknown reason"
                                : reason.reinterpret(Long.MAX_VALUE).getString(0),
                        null);
            }
        } catch (DeviceException e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** The functions of a library, which is loaded if it is not yet. */
    static SymbolLookup lookup(Path file) {
        try {
            return SymbolLookup.libraryLookup(file, Arena.global());
        } catch (IllegalArgumentException e) {
            throw cannotLoad(file, e.getMessage(), e);
        }
    }

    private static DeviceException cannotLoad(Path file, String reason, Throwable cause) {
        String line = reason.lines().findFirst().orElse("");
        return new DeviceException(
                "cannot load "
                        + file
                        + " ("
                        + line
                        + "); it may be for another system or damaged: install it again or set"
                        + " DENSENET4J_CUDA_LIBS to the folders of a working set",
                cause);
    }
}
