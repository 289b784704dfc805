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
import java.util.Optional;

/**
 * Loads libraries by their paths.
 *
 * <p>{@link #load} keeps a library for the whole process, so that libraries loaded later find it by
 * its name wherever it lies: {@code dlopen} with {@code RTLD_NOW | RTLD_GLOBAL} (dlopen(3): a
 * needed library is matched against the sonames of those loaded before the search path is walked),
 * {@code LoadLibrary} on Windows, which matches loaded modules by file name.
 *
 * <p>{@link #trial} opens one to ask it something, and lets go of it. That matters because of the
 * same rule: as long as a library is loaded, whatever needs its name gets it and no other. A path
 * with a slash is not matched against sonames, so two files of one name can be tried one after the
 * other.
 */
final class DynamicLoader {
    private static final int RTLD_LAZY = 1;
    private static final int RTLD_NOW = 2;
    private static final int RTLD_NOLOAD = 4;
    private static final int RTLD_GLOBAL = 0x100;

    /** What mends a library that does not load. */
    static final String DAMAGED =
            "it may be for another system or damaged: install it again or set DENSENET4J_CUDA_LIBS"
                    + " to the folders of a working set";

    private DynamicLoader() {}

    /** A library that does not load; the message names it and the system's reason. */
    static final class LoadException extends Exception {
        private static final long serialVersionUID = 1;

        private LoadException(Path file, String reason, Throwable cause) {
            super("cannot load " + file + " (" + firstLine(file, reason) + ")", cause);
        }
    }

    /** The loader's reason, without the name of the file, which it repeats. */
    private static String firstLine(Path file, String reason) {
        String line = reason.lines().findFirst().orElse("");
        String prefix = file + ": ";
        return line.startsWith(prefix) ? line.substring(prefix.length()) : line;
    }

    /** A library that is loaded until this is closed, or longer when {@link #load} keeps it. */
    static final class Trial implements AutoCloseable {
        private final SymbolLookup functions;
        private final Runnable unload;

        private Trial(SymbolLookup functions, Runnable unload) {
            this.functions = functions;
            this.unload = unload;
        }

        /** Its functions; not to be called after {@link #close}. */
        SymbolLookup functions() {
            return functions;
        }

        @Override
        public void close() {
            unload.run();
        }
    }

    /**
     * Loads {@code file} and keeps it until the process ends.
     *
     * @throws DeviceException with the system's reason, in one line
     */
    static void load(Path file) {
        try {
            if (CudaPlatform.WINDOWS) {
                lookup(file, Arena.global());
            } else {
                open(file, RTLD_NOW | RTLD_GLOBAL);
            }
        } catch (LoadException e) {
            throw new DeviceException(e.getMessage() + "; " + DAMAGED, e);
        }
    }

    /**
     * The functions of a library, which is loaded if it is not yet.
     *
     * @throws DeviceException with the system's reason, in one line
     */
    static SymbolLookup lookup(Path file) {
        try {
            return lookup(file, Arena.global());
        } catch (LoadException e) {
            throw new DeviceException(e.getMessage() + "; " + DAMAGED, e);
        }
    }

    /**
     * Loads {@code file} for itself: its functions are not offered to libraries loaded later. On
     * Windows, where the driver lies in one place, it stays loaded.
     */
    static Trial trial(Path file) throws LoadException {
        if (CudaPlatform.WINDOWS) {
            return new Trial(lookup(file, Arena.global()), () -> {});
        }
        MemorySegment handle = open(file, RTLD_NOW);
        return new Trial(name -> symbol(handle, name), () -> close(handle));
    }

    /** Whether the process has {@code file} loaded; false on Windows, which is not asked. */
    static boolean isLoaded(Path file) {
        if (CudaPlatform.WINDOWS) {
            return false;
        }
        MemorySegment handle = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);
        if (handle.address() != 0) {
            close(handle);
        }
        return handle.address() != 0;
    }

    private static SymbolLookup lookup(Path file, Arena arena) throws LoadException {
        try {
            return SymbolLookup.libraryLookup(file, arena);
        } catch (IllegalArgumentException e) {
            throw new LoadException(file, e.getMessage(), e);
        }
    }

    private static MemorySegment open(Path file, int mode) throws LoadException {
        // Bound first: looking up a function forgets the reason of a failure before it.
        MethodHandle error = bind("dlerror", FunctionDescriptor.of(ADDRESS));
        MemorySegment handle = dlopen(file, mode);
        if (handle.address() == 0) {
            MemorySegment reason = (MemorySegment) call(error);
            throw new LoadException(
                    file,
                    reason.address() == 0
                            ? "unknown reason"
                            : reason.reinterpret(Long.MAX_VALUE).getString(0),
                    null);
        }
        return handle;
    }

    private static MemorySegment dlopen(Path file, int mode) {
        MethodHandle open = bind("dlopen", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT));
        try (Arena arena = Arena.ofConfined()) {
            return (MemorySegment) call(open, arena.allocateFrom(file.toString()), mode);
        }
    }

    private static Optional<MemorySegment> symbol(MemorySegment handle, String name) {
        MethodHandle find = bind("dlsym", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = (MemorySegment) call(find, handle, arena.allocateFrom(name));
            return address.address() == 0 ? Optional.empty() : Optional.of(address);
        }
    }

    private static void close(MemorySegment handle) {
        call(bind("dlclose", FunctionDescriptor.of(JAVA_INT, ADDRESS)), handle);
    }

    private static MethodHandle bind(String function, FunctionDescriptor type) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(function), type);
    }

    private static Object call(MethodHandle function, Object... arguments) {
        try {
            return function.invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
