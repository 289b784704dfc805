package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
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
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * NVIDIA's run-time compiler. Called directly and not through JCuda, whose binding is linked
 * against the one of CUDA 12: this way the one of CUDA 13 serves as well.
 */
final class Nvrtc {
    private final SymbolLookup functions;

    Nvrtc(SymbolLookup functions) {
        this.functions = functions;
    }

    /** Such as 12.6. */
    String version() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment major = arena.allocate(JAVA_INT);
            MemorySegment minor = arena.allocate(JAVA_INT);
            check("nvrtcVersion", call("nvrtcVersion", major, minor));
            return major.get(JAVA_INT, 0) + "." + minor.get(JAVA_INT, 0);
        }
    }

    /** The newest architecture, such as 90, that the compiler knows and the device can run. */
    int architecture(int deviceArchitecture) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(JAVA_INT);
            check("nvrtcGetNumSupportedArchs", call("nvrtcGetNumSupportedArchs", count));
            int n = count.get(JAVA_INT, 0);
            MemorySegment all = arena.allocate(JAVA_INT, n);
            check("nvrtcGetSupportedArchs", call("nvrtcGetSupportedArchs", all));
            int best = 0;
            for (int i = 0; i < n; i++) {
                int architecture = all.getAtIndex(JAVA_INT, i);
                if (architecture <= deviceArchitecture) {
                    best = Math.max(best, architecture);
                }
            }
            if (best == 0) {
                throw new DeviceException(
                        "NVRTC "
                                + version()
                                + " does not compile for compute capability "
                                + deviceArchitecture / 10
                                + "."
                                + deviceArchitecture % 10
                                + "; use an older NVRTC or a newer GPU");
            }
            return best;
        }
    }

    /**
     * Compiles to PTX.
     *
     * @param definitions of macros, as options
     * @throws DeviceException with the compiler's log
     */
    String compile(KernelSource source, List<String> definitions, int architecture) {
        try (Arena arena = Arena.ofConfined()) {
            List<String> names = new ArrayList<>();
            List<String> texts = new ArrayList<>();
            for (Map.Entry<String, String> file : source.files().entrySet()) {
                names.add(file.getKey());
                texts.add(file.getValue());
            }
            MemorySegment program = arena.allocate(ADDRESS);
            check(
                    "nvrtcCreateProgram",
                    call(
                            "nvrtcCreateProgram",
                            program,
                            arena.allocateFrom(source.files().get(source.main())),
                            arena.allocateFrom(source.main()),
                            names.size(),
                            strings(arena, texts),
                            strings(arena, names)));
            MemorySegment handle = program.get(ADDRESS, 0);
            try {
                List<String> options = new ArrayList<>(definitions);
                options.addAll(
                        List.of("--gpu-architecture=compute_" + architecture, "--std=c++17"));
                int status =
                        call(
                                "nvrtcCompileProgram",
                                handle,
                                options.size(),
                                strings(arena, options));
                if (status != 0) {
                    throw new DeviceException(
                            "the kernels do not compile for compute capability "
                                    + architecture
                                    + ": "
                                    + text(arena, handle, "nvrtcGetProgramLog").strip());
                }
                return text(arena, handle, "nvrtcGetPTX");
            } finally {
                call("nvrtcDestroyProgram", program);
            }
        }
    }

    private String text(Arena arena, MemorySegment program, String function) {
        MemorySegment size = arena.allocate(JAVA_LONG);
        check(function + "Size", call(function + "Size", program, size));
        MemorySegment text = arena.allocate(size.get(JAVA_LONG, 0));
        check(function, call(function, program, text));
        byte[] bytes = text.toArray(JAVA_BYTE);
        return new String(bytes, 0, Math.max(0, bytes.length - 1), StandardCharsets.UTF_8);
    }

    private static MemorySegment strings(Arena arena, List<String> values) {
        MemorySegment pointers = arena.allocate(ADDRESS, values.size());
        for (int i = 0; i < values.size(); i++) {
            pointers.setAtIndex(ADDRESS, i, arena.allocateFrom(values.get(i)));
        }
        return pointers;
    }

    private void check(String function, int status) {
        if (status != 0) {
            throw new DeviceException(function + ": NVRTC fails with status " + status);
        }
    }

    private int call(String function, Object... arguments) {
        MemoryLayout[] layouts = new MemoryLayout[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            ValueLayout layout = arguments[i] instanceof MemorySegment ? ADDRESS : JAVA_INT;
            layouts[i] = layout;
        }
        MemorySegment symbol =
                functions
                        .find(function)
                        .orElseThrow(() -> new DeviceException("this NVRTC has no " + function));
        try {
            return (int)
                    Linker.nativeLinker()
                            .downcallHandle(symbol, FunctionDescriptor.of(JAVA_INT, layouts))
                            .invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
