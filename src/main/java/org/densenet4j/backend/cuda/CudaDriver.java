package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.densenet4j.backend.DeviceException;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What the driver says of itself and its devices: the few calls of the driver interface that work
 * before a context exists. Through the foreign-function interface, so that a diagnosis needs
 * nothing but the driver.
 */
final class CudaDriver {
    private static final int ATTRIBUTE_MULTIPROCESSORS = 16;
    private static final int ATTRIBUTE_CAPABILITY_MAJOR = 75;
    private static final int ATTRIBUTE_CAPABILITY_MINOR = 76;
    private static final int NAME_BYTES = 256;

    /**
     * A device as the driver describes it.
     *
     * @param index as in {@code CUDA_VISIBLE_DEVICES}
     * @param name marketing name
     * @param memoryBytes all its memory
     * @param capabilityMajor compute capability before the point
     * @param capabilityMinor compute capability after the point
     * @param multiprocessors number of streaming multiprocessors
     */
    public record DeviceFacts(
            int index,
            String name,
            long memoryBytes,
            int capabilityMajor,
            int capabilityMinor,
            int multiprocessors) {
        /** Such as 9.0. */
        public String capability() {
            return capabilityMajor + "." + capabilityMinor;
        }
    }

    private final SymbolLookup functions;
    private final int version;
    private final List<DeviceFacts> devices;

    private CudaDriver(Path library) {
        DynamicLoader.load(library);
        functions = DynamicLoader.lookup(library);
        call("cuInit", 0);
        version = integer("cuDriverGetVersion");
        List<DeviceFacts> found = new ArrayList<>();
        int count = integer("cuDeviceGetCount");
        for (int index = 0; index < count; index++) {
            found.add(device(index));
        }
        devices = List.copyOf(found);
    }

    /**
     * Asks the driver.
     *
     * @param library the driver's file
     * @throws DeviceException when it does not load or start, with its own reason
     */
    static CudaDriver ask(Path library) {
        return new CudaDriver(library);
    }

    /** The newest CUDA that the driver supports, such as 12060 for 12.6. */
    public int version() {
        return version;
    }

    /** {@link #version} for people. */
    public String versionText() {
        return text(version);
    }

    static String text(int version) {
        return version / 1000 + "." + version % 1000 / 10;
    }

    /** The devices visible to this process. */
    public List<DeviceFacts> devices() {
        return devices;
    }

    private DeviceFacts device(int index) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(JAVA_LONG);
            call("cuDeviceGet", out, index);
            int device = out.get(JAVA_INT, 0);
            MemorySegment name = arena.allocate(NAME_BYTES);
            call("cuDeviceGetName", name, NAME_BYTES, device);
            call("cuDeviceTotalMem_v2", out, device);
            return new DeviceFacts(
                    index,
                    name.getString(0),
                    out.get(JAVA_LONG, 0),
                    attribute(ATTRIBUTE_CAPABILITY_MAJOR, device),
                    attribute(ATTRIBUTE_CAPABILITY_MINOR, device),
                    attribute(ATTRIBUTE_MULTIPROCESSORS, device));
        }
    }

    private int attribute(int attribute, int device) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(JAVA_INT);
            call("cuDeviceGetAttribute", out, attribute, device);
            return out.get(JAVA_INT, 0);
        }
    }

    private int integer(String function) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(JAVA_INT);
            call(function, out);
            return out.get(JAVA_INT, 0);
        }
    }

    /** Calls a function whose arguments are integers and pointers, and checks its status. */
    private void call(String function, Object... arguments) {
        int status = invoke(function, arguments);
        if (status != 0) {
            throw new DeviceException(function + " failed: " + errorName(status));
        }
    }

    private String errorName(int status) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            if (functions.find("cuGetErrorName").isEmpty()
                    || invoke("cuGetErrorName", status, out) != 0) {
                return "status " + status;
            }
            return out.get(ADDRESS, 0).reinterpret(NAME_BYTES).getString(0);
        }
    }

    private int invoke(String function, Object... arguments) {
        MemoryLayout[] layouts = new MemoryLayout[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            ValueLayout layout = arguments[i] instanceof MemorySegment ? ADDRESS : JAVA_INT;
            layouts[i] = layout;
        }
        MemorySegment symbol =
                functions
                        .find(function)
                        .orElseThrow(
                                () ->
                                        new DeviceException(
                                                "the driver lacks " + function + "; update it"));
        MethodHandle handle =
                Linker.nativeLinker()
                        .downcallHandle(symbol, FunctionDescriptor.of(JAVA_INT, layouts));
        try {
            return (int) handle.invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
