package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.backend.DeviceException;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/** Asks a library for its version; each has its own way. None needs a device. */
final class LibraryVersion {
    private LibraryVersion() {}

    static String of(CudaLibrary library, SymbolLookup functions) {
        try {
            return switch (library) {
                case CUDNN -> cudnn(functions);
                case CUBLAS -> cublas(functions);
                case NVRTC -> nvrtc(functions);
                case NCCL -> nccl(functions);
                case DRIVER -> throw new IllegalArgumentException("ask CudaDriver");
            };
        } catch (RuntimeException e) {
            throw new DeviceException(library.title() + " does not tell its version", e);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** {@code size_t cudnnGetVersion()}: 90501 is 9.5.1. */
    private static String cudnn(SymbolLookup functions) throws Throwable {
        MethodHandle get = bind(functions, "cudnnGetVersion", FunctionDescriptor.of(JAVA_LONG));
        long version = (long) get.invokeExact();
        return ofCudnn(version);
    }

    /** The text of cuDNN's number of its version: 90501 is 9.5.1. */
    static String ofCudnn(long version) {
        return version / 10_000 + "." + version % 10_000 / 100 + "." + version % 100;
    }

    /** {@code size_t cudnnGetCudartVersion()}: 12060 is CUDA 12.6. */
    static int cudaOfCudnn(SymbolLookup functions) {
        try {
            MethodHandle get =
                    bind(functions, "cudnnGetCudartVersion", FunctionDescriptor.of(JAVA_LONG));
            return Math.toIntExact((long) get.invokeExact());
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** The CUDA that an NVRTC belongs to: 12060 is CUDA 12.6. */
    static int cudaOfNvrtc(SymbolLookup functions) {
        try {
            String[] parts = nvrtc(functions).split("\\.");
            return 1000 * Integer.parseInt(parts[0]) + 10 * Integer.parseInt(parts[1]);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** {@code cublasGetProperty(libraryPropertyType, int *)}: major, minor and patch level. */
    private static String cublas(SymbolLookup functions) throws Throwable {
        MethodHandle get =
                bind(
                        functions,
                        "cublasGetProperty",
                        FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(JAVA_INT);
            String[] parts = new String[3];
            for (int property = 0; property < parts.length; property++) {
                int status = (int) get.invokeExact(property, out);
                parts[property] = status == 0 ? String.valueOf(out.get(JAVA_INT, 0)) : "?";
            }
            return String.join(".", parts);
        }
    }

    /** {@code nvrtcVersion(int *major, int *minor)}. */
    private static String nvrtc(SymbolLookup functions) throws Throwable {
        MethodHandle get =
                bind(functions, "nvrtcVersion", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment major = arena.allocate(JAVA_INT);
            MemorySegment minor = arena.allocate(JAVA_INT);
            int status = (int) get.invokeExact(major, minor);
            return status == 0 ? major.get(JAVA_INT, 0) + "." + minor.get(JAVA_INT, 0) : "?";
        }
    }

    /** {@code ncclGetVersion(int *version)}: 22304 is 2.23.4 (NCCL_VERSION in nccl.h, from 2.9). */
    private static String nccl(SymbolLookup functions) throws Throwable {
        MethodHandle get =
                bind(functions, "ncclGetVersion", FunctionDescriptor.of(JAVA_INT, ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(JAVA_INT);
            int status = (int) get.invokeExact(out);
            return status == 0 ? ofNccl(out.get(JAVA_INT, 0)) : "?";
        }
    }

    /** The text of NCCL's number of its version: 22304 is 2.23.4. */
    static String ofNccl(int version) {
        return version / 10_000 + "." + version % 10_000 / 100 + "." + version % 100;
    }

    private static MethodHandle bind(
            SymbolLookup functions, String name, FunctionDescriptor descriptor) {
        return Linker.nativeLinker().downcallHandle(functions.findOrThrow(name), descriptor);
    }
}
