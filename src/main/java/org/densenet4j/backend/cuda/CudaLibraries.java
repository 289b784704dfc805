package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DeviceException;

import java.io.IOException;
import java.lang.foreign.SymbolLookup;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The libraries that the CUDA backend needs, as found on this machine: the driver, cuDNN, cuBLAS,
 * NVRTC and JCuda's native halves.
 *
 * <p>{@link #find} only looks at files. {@link #problem} loads the driver to ask it. {@link #load}
 * loads everything into the process, in an order in which each library finds those it needs among
 * those already loaded, wherever they lie. Nothing native is touched before one of them is called.
 *
 * <p>See {@link LibraryPlace#all} for where libraries are searched.
 */
final class CudaLibraries {
    /** The oldest driver that runs what JCuda 12.6 was built with (CUDA 12 minor versions). */
    private static final int OLDEST_DRIVER = 12_000;

    private static final String FETCH = "./densenet4j doctor --fetch-cuda";

    /** JCuda's class and native half of each library, in the order of initialisation. */
    private static final Map<CudaLibrary, List<String[]>> BINDINGS =
            new EnumMap<>(
                    Map.of(
                            CudaLibrary.DRIVER,
                            List.of(
                                    new String[] {"JCudaDriver", "jcuda.driver.JCudaDriver"},
                                    new String[] {"JCudaRuntime", "jcuda.runtime.JCuda"}),
                            CudaLibrary.CUBLAS,
                            List.<String[]>of(new String[] {"JCublas2", "jcuda.jcublas.JCublas2"}),
                            CudaLibrary.NVRTC,
                            List.<String[]>of(new String[] {"JNvrtc", "jcuda.nvrtc.JNvrtc"}),
                            CudaLibrary.CUDNN,
                            List.<String[]>of(new String[] {"JCudnn", "jcuda.jcudnn.JCudnn"})));

    /**
     * A library and where it lies.
     *
     * @param library which
     * @param path its main file
     * @param origin why that folder was searched: an environment variable, "system", "cache"
     * @param companions files beside it that belong to it
     */
    public record Found(CudaLibrary library, Path path, String origin, List<Path> companions) {}

    private final Map<CudaLibrary, Found> found;
    private final List<String> incomplete;
    private Optional<CudaDriver> driver = Optional.empty();
    private Optional<String> driverProblem = Optional.empty();
    private boolean driverAsked;
    private boolean loaded;
    private boolean cublasBound;

    private CudaLibraries(Map<CudaLibrary, Found> found, List<String> incomplete) {
        this.found = found;
        this.incomplete = incomplete;
    }

    /** Looks at the places of this machine. Never throws; loads nothing. */
    public static CudaLibraries find() {
        if (!CudaPlatform.isSupported()) {
            return new CudaLibraries(new EnumMap<>(CudaLibrary.class), List.of());
        }
        Path root = Path.of("").toAbsolutePath().getRoot();
        return find(
                LibraryPlace.all(
                        System.getenv(), root, CudaCache.libraries(), CudaPlatform.WINDOWS),
                CudaPlatform.WINDOWS);
    }

    static CudaLibraries find(List<LibraryPlace> places, boolean windows) {
        Map<CudaLibrary, Found> found = new EnumMap<>(CudaLibrary.class);
        List<String> incomplete = new ArrayList<>();
        for (CudaLibrary library : CudaLibrary.values()) {
            for (LibraryPlace place : places) {
                for (String file : library.files(windows)) {
                    Path path = place.folder().resolve(file);
                    if (!found.containsKey(library) && Files.isRegularFile(path)) {
                        List<Path> companions = new ArrayList<>();
                        String missing = collect(library, place.folder(), windows, companions);
                        if (missing.isEmpty()) {
                            found.put(
                                    library, new Found(library, path, place.origin(), companions));
                        } else {
                            incomplete.add(path + " lacks " + missing + " beside it");
                        }
                    }
                }
            }
        }
        return new CudaLibraries(found, incomplete);
    }

    /** Adds the files that belong to a library and returns the first that is missing, or "". */
    private static String collect(
            CudaLibrary library, Path folder, boolean windows, List<Path> companions) {
        for (String prefix : library.companions(windows)) {
            int before = companions.size();
            try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder, prefix + "*")) {
                for (Path file : stream) {
                    // A whole name stands for itself, a beginning for all versions of it.
                    boolean whole = prefix.matches(".*(\\.so\\.\\d+|\\.dll)");
                    if (!whole || file.getFileName().toString().equals(prefix)) {
                        companions.add(file);
                    }
                }
            } catch (IOException e) {
                return prefix;
            }
            if (companions.size() == before) {
                return prefix;
            }
        }
        return "";
    }

    /** Where a library lies; empty when it was not found whole. */
    public Optional<Found> get(CudaLibrary library) {
        return Optional.ofNullable(found.get(library));
    }

    /** The main file of a library; empty when it was not found whole. */
    public Optional<Path> path(CudaLibrary library) {
        return get(library).map(Found::path);
    }

    /** Libraries that were seen but lack a part, one line each. */
    public List<String> incomplete() {
        return incomplete;
    }

    /**
     * Whether matrix products can go to cuBLAS 12. A machine that has only CUDA 13 has none, and
     * still runs.
     */
    public boolean hasCublas() {
        return found.containsKey(CudaLibrary.CUBLAS);
    }

    /**
     * Whether cuBLAS is called through JCuda, which is linked against that of CUDA 12. Loads it.
     */
    boolean bindsCublas() {
        return get(CudaLibrary.CUBLAS).filter(CudaLibraries::isOfCuda12).isPresent() && cublasBound;
    }

    private static boolean isOfCuda12(Found found) {
        return found.path().getFileName().toString().contains("12");
    }

    /** Whether kernels can be compiled here. */
    public boolean hasNvrtc() {
        return found.containsKey(CudaLibrary.NVRTC);
    }

    /** What the driver says; empty when there is none or it does not start. Loads the driver. */
    public synchronized Optional<CudaDriver> driver() {
        if (!driverAsked) {
            driverAsked = true;
            try {
                driver = path(CudaLibrary.DRIVER).map(CudaDriver::ask);
            } catch (DeviceException e) {
                driverProblem = Optional.of(e.getMessage());
            }
        }
        return driver;
    }

    /** Why CUDA cannot be used here, in one line with the fix; empty when it can. */
    public synchronized Optional<String> problem() {
        if (!CudaPlatform.isSupported()) {
            return Optional.of(
                    "CUDA needs Linux or Windows on x86-64, this is "
                            + CudaPlatform.description()
                            + "; use --device cpu");
        }
        if (!JCudaNatives.onClassPath()) {
            return Optional.of(
                    "JCuda's native libraries are not on the class path; add org.jcuda:jcuda-natives,"
                            + " jcublas-natives and jcudnn-natives 12.6.0 for this platform");
        }
        if (!found.containsKey(CudaLibrary.DRIVER)) {
            return Optional.of(
                    "no NVIDIA driver on this machine; install driver 525 or newer (in a container:"
                            + " start it with --gpus all), or use --device cpu");
        }
        Optional<CudaDriver> answer = driver();
        if (answer.isEmpty()) {
            return Optional.of(
                    "the NVIDIA driver does not start ("
                            + driverProblem.orElse("no reason given")
                            + "); check that nvidia-smi lists a device, or use --device cpu");
        }
        if (answer.get().devices().isEmpty()) {
            return Optional.of(
                    "the NVIDIA driver lists no device; check nvidia-smi and CUDA_VISIBLE_DEVICES");
        }
        if (answer.get().version() < OLDEST_DRIVER) {
            return Optional.of(
                    "the NVIDIA driver supports CUDA "
                            + answer.get().versionText()
                            + " and 12.0 is needed; update it to 525 or newer");
        }
        if (!found.containsKey(CudaLibrary.CUDNN)) {
            return Optional.of(
                    missing("cuDNN 9", "libcudnn.so.9")
                            + "; run "
                            + FETCH
                            + ", or install it and set LD_LIBRARY_PATH to its folder");
        }
        return loadProblem(CudaLibrary.CUDNN).or(() -> tooNewForDriver(answer.get()));
    }

    /** A library of a newer major version of CUDA than the driver's does not run at all. */
    private Optional<String> tooNewForDriver(CudaDriver driver) {
        int built = LibraryVersion.cudaOfCudnn(functions(CudaLibrary.CUDNN));
        return built / 1000 <= driver.version() / 1000
                ? Optional.empty()
                : Optional.of(
                        path(CudaLibrary.CUDNN).orElseThrow()
                                + " is built for CUDA "
                                + CudaDriver.text(built)
                                + ", the driver supports "
                                + driver.versionText()
                                + "; update the driver, or run "
                                + FETCH
                                + " and put its folder into DENSENET4J_CUDA_LIBS");
    }

    private String missing(String title, String file) {
        return incomplete.stream()
                .filter(line -> line.contains(file))
                .findFirst()
                .map(line -> title + " is incomplete: " + line)
                .orElse(title + " was not found");
    }

    /**
     * Loads everything found and initialises JCuda's classes. Once is enough for a process; further
     * calls return at once.
     *
     * @throws DeviceException with {@link #problem}, or when a library does not load
     */
    public synchronized void load() {
        if (loaded) {
            return;
        }
        problem()
                .ifPresent(
                        line -> {
                            throw new DeviceException(line);
                        });
        for (CudaLibrary library : CudaLibrary.values()) {
            if (found.containsKey(library)) {
                load(library);
            }
        }
        loaded = true;
    }

    /**
     * Loads one library with what belongs to it and initialises JCuda's class for it. Works without
     * a driver for all but the driver itself.
     *
     * @throws DeviceException when it was not found or does not load
     */
    public void load(CudaLibrary library) {
        preload(library);
        // JCuda's halves for NVRTC and cuBLAS are linked against those of CUDA 12; others are
        // called
        // directly.
        boolean ofAnyVersion = library == CudaLibrary.DRIVER || library == CudaLibrary.CUDNN;
        if (ofAnyVersion || isOfCuda12(found.get(library))) {
            try {
                JCudaNatives natives = JCudaNatives.open();
                for (String[] binding : BINDINGS.get(library)) {
                    natives.initialise(binding[0], binding[1]);
                }
                cublasBound |= library == CudaLibrary.CUBLAS;
            } catch (DeviceException e) {
                if (library != CudaLibrary.CUBLAS) {
                    throw e;
                }
            }
        }
    }

    /**
     * The functions of a library, loaded with what belongs to it.
     *
     * @throws DeviceException when it was not found or does not load
     */
    public SymbolLookup functions(CudaLibrary library) {
        preload(library);
        return DynamicLoader.lookup(found.get(library).path());
    }

    /**
     * The version that a library reports of itself, such as 9.5.1; empty when it was not found or
     * does not load. Loads it.
     */
    public Optional<String> version(CudaLibrary library) {
        if (library == CudaLibrary.DRIVER) {
            return driver().map(CudaDriver::versionText);
        }
        try {
            return found.containsKey(library)
                    ? Optional.of(LibraryVersion.of(library, functions(library)))
                    : Optional.empty();
        } catch (DeviceException e) {
            return Optional.empty();
        }
    }

    /** Why a library that was found does not load; empty when it does. Loads it. */
    public Optional<String> loadProblem(CudaLibrary library) {
        try {
            preload(library);
            return Optional.empty();
        } catch (DeviceException e) {
            return Optional.of(e.getMessage());
        }
    }

    private void preload(CudaLibrary library) {
        Found files =
                get(library)
                        .orElseThrow(() -> new DeviceException(library.title() + " was not found"));
        // cuDNN opens its parts itself, when needed, from its own folder.
        if (library != CudaLibrary.CUDNN) {
            files.companions().forEach(DynamicLoader::load);
        }
        DynamicLoader.load(files.path());
    }
}
