package org.densenet4j.distributed;

import org.densenet4j.foreign.CFunction;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.TreeSet;

/**
 * A loaded MPI library.
 *
 * @param name that it was found by
 * @param abi what its handles are
 * @param symbols its functions
 */
record MpiLibrary(String name, MpiAbi abi, SymbolLookup symbols) {
    /** Names the library: a path, or what the dynamic loader finds. */
    static final String VARIABLE = "DENSENET4J_MPI";

    private static final int VERSION_BYTES = 8192; // MPI_MAX_LIBRARY_VERSION_STRING of any ABI
    private static final List<String> OPEN_MPI = List.of("libmpi.so.40", "libmpi.40.dylib");
    private static final List<String> MPICH =
            List.of("libmpi.so.12", "libmpich.so.12", "libmpi.12.dylib");

    /** Where loaders look; only for names that are found by pattern. */
    private static final List<String> FOLDERS =
            List.of(
                    "/usr/local/lib",
                    "/usr/lib",
                    "/usr/lib64",
                    "/usr/lib/x86_64-linux-gnu",
                    "/usr/lib/aarch64-linux-gnu");

    /**
     * The library of a launcher.
     *
     * @throws MpiException when there is none
     */
    static MpiLibrary of(Launcher launcher, Map<String, String> environment) {
        List<String> names = names(launcher.kind(), environment);
        for (String name : names) {
            Optional<MpiLibrary> found = load(name);
            if (found.isPresent()) {
                return found.get();
            }
        }
        throw new MpiException(
                "this is "
                        + launcher
                        + ", and no MPI library can be loaded ("
                        + String.join(", ", names)
                        + "); install the launcher's own, or name it by "
                        + VARIABLE
                        + "=/path/to/libmpi.so");
    }

    /** All that are found without a launcher, the one that was named before others. */
    static List<MpiLibrary> installed(Map<String, String> environment) {
        return names(Launcher.Kind.OPEN_MPI, environment).stream()
                .flatMap(name -> load(name).stream())
                .toList();
    }

    /** In the order in which they are tried. */
    private static List<String> names(Launcher.Kind kind, Map<String, String> environment) {
        String named = environment.getOrDefault(VARIABLE, "");
        if (!named.isBlank()) {
            return List.of(named);
        }
        // Slurm starts processes of either; its plug-in for PMIx is what Open MPI asks for.
        boolean openMpi =
                kind == Launcher.Kind.OPEN_MPI
                        || kind == Launcher.Kind.SLURM && environment.containsKey("PMIX_RANK");
        List<String> names = new ArrayList<>(openMpi ? OPEN_MPI : MPICH);
        names.addAll(ofStandardAbi(environment));
        names.addAll(openMpi ? MPICH : OPEN_MPI);
        return names;
    }

    /** Distributions name them after their implementation: libmpi_abi_mpich.so.1.0.0. */
    private static List<String> ofStandardAbi(Map<String, String> environment) {
        List<String> folders = new ArrayList<>();
        for (String folder : environment.getOrDefault("LD_LIBRARY_PATH", "").split(":")) {
            if (!folder.isBlank()) {
                folders.add(folder);
            }
        }
        folders.addAll(FOLDERS);
        List<String> found = new ArrayList<>(List.of("libmpi_abi.so.1", "libmpi_abi.so"));
        for (String folder : folders) {
            try (DirectoryStream<Path> files =
                    Files.newDirectoryStream(Path.of(folder), "libmpi_abi*.so*")) {
                TreeSet<String> sorted = new TreeSet<>();
                files.forEach(file -> sorted.add(file.toString()));
                found.addAll(sorted);
            } catch (IOException | RuntimeException e) {
                continue; // no such folder, or none that may be listed
            }
        }
        return found;
    }

    private static Optional<MpiLibrary> load(String name) {
        disarmUcx();
        try {
            SymbolLookup symbols = SymbolLookup.libraryLookup(name, Arena.global());
            return symbols.find("MPI_Init_thread").isPresent()
                    ? Optional.of(new MpiLibrary(name, MpiAbi.of(name, symbols), symbols))
                    : Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /**
     * UCX, which MPI libraries are built on, takes SIGSEGV for a crash and ends the process, where
     * the JVM has it for its implicit null checks: the first NullPointerException would be the
     * last. It reads this when it is loaded (github.com/openucx/ucx/issues/3337).
     */
    private static void disarmUcx() {
        Optional<MemorySegment> set = Linker.nativeLinker().defaultLookup().find("setenv");
        if (set.isEmpty()) {
            return; // no system that UCX runs on
        }
        try (Arena arena = Arena.ofConfined()) {
            long replace = 1;
            new CFunction(set.get())
                    .call(
                            arena.allocateFrom("UCX_ERROR_SIGNALS").address(),
                            arena.allocateFrom("").address(),
                            replace);
        }
    }

    /**
     * A function of the library.
     *
     * @throws MpiException when it has none of this name
     */
    CFunction function(String function) {
        try {
            return new CFunction(symbols.findOrThrow(function));
        } catch (NoSuchElementException e) {
            throw new MpiException(name + " has no " + function + ": it is no MPI library", e);
        }
    }

    /** What it calls itself, such as "Open MPI v4.1.4"; may be asked before MPI is initialised. */
    String version() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(VERSION_BYTES);
            MemorySegment length = arena.allocate(Long.BYTES);
            function("MPI_Get_library_version").call(text.address(), length.address());
            String whole = text.getString(0);
            String line = whole.lines().findFirst().orElse("").strip().replaceAll("\\s+", " ");
            return line.startsWith("Open MPI") ? line.split(",")[0] : line.replace(" Version:", "");
        }
    }
}
