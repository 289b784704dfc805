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
    /** The oldest driver that runs what JCuda 12.6 was built with (CUDA 12 minor versions). */
    private static final int OLDEST_VERSION = 12_000;

    private static final int ATTRIBUTE_MULTIPROCESSORS = 16;
    private static final int ATTRIBUTE_CAPABILITY_MAJOR = 75;
    private static final int ATTRIBUTE_CAPABILITY_MINOR = 76;
    private static final int NAME_BYTES = 256;

    /**
     * A device as the driver describes it.
     *
     * @param index from 0, counted among the devices that {@code CUDA_VISIBLE_DEVICES} lets through
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

        /** The compute capability without its point, such as 90. */
        int architecture() {
            return 10 * capabilityMajor + capabilityMinor;
        }
    }

    private final SymbolLookup functions;
    private final int version;
    private final List<DeviceFacts> devices;

    private CudaDriver(SymbolLookup functions) {
        this.functions = functions;
        call("cuInit", 0);
        version = integer("cuDriverGetVersion");
        List<DeviceFacts> found = new ArrayList<>();
        int count = integer("cuDeviceGetCount");
        for (int index = 0; index < count; index++) {
            found.add(device(index));
        }
        devices = List.copyOf(found);
    }

    /** A driver that is of no use to this process; the message says so of "the driver". */
    static final class RefusalException extends Exception {
        private static final long serialVersionUID = 1;

        private final int status;

        private RefusalException(int status, String message) {
            super(message);
            this.status = status;
        }

        /** The driver's code; 0 where it did not come to that. */
        int status() {
            return status;
        }
    }

    /** A call that the driver refused. */
    private static final class StatusException extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final int status;

        StatusException(int status, String message) {
            super(message);
            this.status = status;
        }
    }

    /**
     * Starts the driver and asks it. One that starts stays loaded for the whole process; any other
     * is unloaded again, because whatever needs {@code libcuda.so.1} afterwards would get it.
     *
     * @param library the driver's file
     * @throws RefusalException when it does not load or start, is too old or has no device
     */
    static CudaDriver start(Path library) throws RefusalException {
        try (DynamicLoader.Trial trial = DynamicLoader.trial(library)) {
            CudaDriver driver = new CudaDriver(trial.functions());
            if (driver.version < OLDEST_VERSION) {
                throw new RefusalException(
                        DriverError.INSUFFICIENT_DRIVER.code(),
                        "supports CUDA " + driver.versionText() + " and 12.0 is needed");
            }
            if (driver.devices.isEmpty()) {
                throw new RefusalException(DriverError.NO_DEVICE.code(), "lists no device");
            }
            DynamicLoader.load(library);
            return driver;
        } catch (StatusException e) {
            throw new RefusalException(e.status, "does not start (" + e.getMessage() + ")");
        } catch (DynamicLoader.LoadException | DeviceException e) {
            throw new RefusalException(0, "does not start (" + e.getMessage() + ")");
        }
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
            throw new StatusException(status, function + " failed: " + errorName(status));
        }
    }

    private String errorName(int status) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            // A stub does not even know the names of its answers.
            if (functions.find("cuGetErrorName").isEmpty()
                    || invoke("cuGetErrorName", status, out) != 0
                    || out.get(ADDRESS, 0).address() == 0) {
                return DriverError.of(status)
                        .map(DriverError::driverName)
                        .orElse("status " + status);
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
