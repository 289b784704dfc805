package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DeviceException;

import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The libraries that the CUDA backend needs, as found on this machine: the driver, cuDNN, cuBLAS,
 * NVRTC, NCCL where several processes train together, and JCuda's native halves.
 *
 * <p>{@link #find} only looks at files. {@link #problem} loads the driver to ask it, and cuDNN.
 * {@link #load} loads everything that one process needs into it, in an order in which each library
 * finds those it needs among those already loaded, wherever they lie. Nothing native is touched
 * before one of them is called.
 *
 * <p>Of several copies of a library the first is taken that loads and suits the driver; those
 * passed over are remembered, see {@link #rejected}. See {@link LibraryPlace#all} for where
 * libraries are searched.
 */
final class CudaLibraries {
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
                            // Called directly: JCuda's half is linked against that of CUDA 12.
                            CudaLibrary.NVRTC,
                            List.of(),
                            CudaLibrary.NCCL,
                            List.of(),
                            CudaLibrary.CUDNN,
                            List.<String[]>of(new String[] {"JCudnn", "jcuda.jcudnn.JCudnn"})));

    private final LibrarySearch search;
    private final VisibleDevices visible;
    private final List<LibraryPlace> places;
    private final List<RejectedLibrary> rejected;
    private final Map<CudaLibrary, Optional<FoundLibrary>> settled =
            new EnumMap<>(CudaLibrary.class);
    private DriverChoice driverChoice;
    private boolean cublasBound;
    private boolean loaded;

    private CudaLibraries(List<LibraryPlace> places, VisibleDevices visible) {
        this.places = places;
        this.visible = visible;
        this.search = new LibrarySearch(places, visible.windows());
        this.rejected = new ArrayList<>(search.incomplete());
    }

    /** Looks at the places of this machine. Never throws; loads nothing. */
    public static CudaLibraries find() {
        VisibleDevices visible = VisibleDevices.ofThisProcess();
        List<LibraryPlace> places =
                CudaPlatform.isSupported()
                        ? LibraryPlace.all(
                                System.getenv(),
                                visible.root(),
                                CudaCache.libraries(),
                                CudaPlatform.WINDOWS)
                        : List.of();
        return find(places, visible);
    }

    static CudaLibraries find(List<LibraryPlace> places, VisibleDevices visible) {
        return new CudaLibraries(places, visible);
    }

    /**
     * The library that is used, or, as long as nothing has been loaded to find out, the first that
     * is whole; empty when there is none.
     */
    public synchronized Optional<FoundLibrary> get(CudaLibrary library) {
        Optional<FoundLibrary> known = settled.get(library);
        return known == null ? search.found(library).stream().findFirst() : known;
    }

    /** The main file of {@link #get}. */
    public Optional<Path> path(CudaLibrary library) {
        return get(library).map(FoundLibrary::path);
    }

    /** Libraries that were found and are not used, as far as they have been tried. */
    public synchronized List<RejectedLibrary> rejected() {
        return List.copyOf(rejected);
    }

    /**
     * Whether matrix products can go to cuBLAS. A machine without it still runs: our own kernel
     * multiplies.
     */
    public boolean hasCublas() {
        return get(CudaLibrary.CUBLAS).isPresent();
    }

    /** The major version of the cuBLAS that is used, 12 or 13; 0 where there is none. */
    public int cublasMajor() {
        return get(CudaLibrary.CUBLAS).map(f -> f.files().cudaMajor()).orElse(0);
    }

    /**
     * Whether JCuda's half of cuBLAS was initialised by {@link #load}. It is linked against cuBLAS
     * 12; where it is not, the library's own functions serve, see {@link #functions}.
     */
    public synchronized boolean bindsCublas() {
        return cublasBound;
    }

    /** Whether kernels can be compiled here. */
    public boolean hasNvrtc() {
        return get(CudaLibrary.NVRTC).isPresent();
    }

    /** What the driver says; empty when there is none or none starts. Loads the driver. */
    public Optional<CudaDriver> driver() {
        return driverChoice().driver();
    }

    private synchronized DriverChoice driverChoice() {
        if (driverChoice == null) {
            driverChoice = new DriverChoice(search.found(CudaLibrary.DRIVER), visible);
            rejected.addAll(driverChoice.rejected());
            settled.put(CudaLibrary.DRIVER, driverChoice.file());
        }
        return driverChoice;
    }

    /** The first that loads and suits the driver. Loads what it tries. */
    private synchronized Optional<FoundLibrary> settle(CudaLibrary library) {
        if (library == CudaLibrary.DRIVER) {
            return driverChoice().file();
        }
        if (!settled.containsKey(library)) {
            Suitability suitability = new Suitability(driver());
            Optional<FoundLibrary> chosen = Optional.empty();
            for (FoundLibrary candidate : search.found(library)) {
                Optional<CauseAndMend> reason = suitability.problem(candidate);
                if (reason.isEmpty()) {
                    chosen = Optional.of(candidate);
                    break;
                }
                rejected.add(new RejectedLibrary(library, candidate.origin(), reason.get()));
            }
            settled.put(library, chosen);
        }
        return settled.get(library);
    }

    /** Why CUDA cannot be used here, in one line with the fix; empty when it can. */
    public synchronized Optional<String> problem() {
        if (!CudaPlatform.isSupported()) {
            return Optional.of(
                    "CUDA needs Linux or Windows on x86-64, this is "
                            + CudaPlatform.description()
                            + "; use --device cpu");
        }
        if (!JCudaNatives.arePresent()) {
            return Optional.of(
                    "JCuda's native libraries are not on the class path; add org.jcuda:jcuda-natives,"
                            + " jcublas-natives and jcudnn-natives 12.6.0 for this platform");
        }
        if (search.found(CudaLibrary.DRIVER).isEmpty()) {
            return Optional.of(
                    "no NVIDIA driver on this machine; install driver 525 or newer (in a container:"
                            + " start it with --gpus all), or use --device cpu");
        }
        if (driver().isEmpty()) {
            return driverChoice().problem().map(reason -> reason.line() + "; or use --device cpu");
        }
        List<CudaDriver.DeviceFacts> devices = driver().get().devices();
        if (devices.stream().noneMatch(KernelImage::runsOn)) {
            return Optional.of(tooOld(devices.getFirst()) + "; use --device cpu");
        }
        return settle(CudaLibrary.CUDNN).isPresent()
                ? Optional.empty()
                : Optional.of(absence(CudaLibrary.CUDNN).line());
    }

    private static String tooOld(CudaDriver.DeviceFacts device) {
        return "CUDA device "
                + device.index()
                + " ("
                + device.name()
                + ") has compute capability "
                + device.capability()
                + " and needs "
                + KernelImage.OLDEST_CAPABILITY
                + " or newer";
    }

    /**
     * Checks that a device is there and can run the kernels.
     *
     * @param index counted among the visible devices
     * @throws DeviceException with what is there instead
     */
    public void requireDevice(int index) {
        List<CudaDriver.DeviceFacts> devices = driver().orElseThrow().devices();
        if (index >= devices.size()) {
            throw new DeviceException(
                    "there is no CUDA device "
                            + index
                            + "; this process sees "
                            + devices.size()
                            + ", "
                            + visible.counted());
        }
        if (!KernelImage.runsOn(devices.get(index))) {
            throw new DeviceException(
                    tooOld(devices.get(index))
                            + devices.stream()
                                    .filter(KernelImage::runsOn)
                                    .findFirst()
                                    .map(d -> "; use --device cuda:" + d.index() + ", " + d.name())
                                    .orElse("; use --device cpu"));
        }
    }

    /** Why no copy of a library is used, with the fix. Loads those that were found. */
    CauseAndMend absence(CudaLibrary library) {
        settle(library);
        Optional<CauseAndMend> reason =
                rejected().stream()
                        .filter(r -> r.library() == library)
                        .map(RejectedLibrary::reason)
                        .findFirst();
        if (reason.isPresent()) {
            return new CauseAndMend(
                    reason.get().cause(), reason.get().mend() + ", or run " + FETCH);
        }
        List<Path> others = search.otherVersions(library);
        return new CauseAndMend(
                library.title()
                        + " was not found"
                        + (others.isEmpty()
                                ? ""
                                : ", only "
                                        + others.getFirst()
                                        + ", a version that this build cannot use"),
                "run " + FETCH + ", or install it and set LD_LIBRARY_PATH to its folder");
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
            if (library.servesOneProcess() && settle(library).isPresent()) {
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
    public synchronized void load(CudaLibrary library) {
        preload(library);
        if (library == CudaLibrary.CUBLAS) {
            cublasBound = cublasMajor() == 12 && bindCublas();
        } else {
            bind(library);
        }
    }

    private static void bind(CudaLibrary library) {
        for (String[] binding : BINDINGS.get(library)) {
            JCudaNatives.initialise(binding[0], binding[1]);
        }
    }

    private static boolean bindCublas() {
        try {
            bind(CudaLibrary.CUBLAS);
            return true;
        } catch (DeviceException e) {
            // It wants every function of cuBLAS 12.6; we need five, which all have.
            return false;
        }
    }

    /**
     * The functions of a library, loaded with what belongs to it.
     *
     * @throws DeviceException when it was not found or does not load
     */
    public SymbolLookup functions(CudaLibrary library) {
        return DynamicLoader.lookup(preload(library).path());
    }

    /**
     * The version that a library reports of itself, such as 9.5.1; empty when there is none that
     * can be used. Loads it.
     */
    public Optional<String> version(CudaLibrary library) {
        if (library == CudaLibrary.DRIVER) {
            return driver().map(CudaDriver::versionText);
        }
        try {
            return settle(library).map(f -> LibraryVersion.of(library, functions(library)));
        } catch (DeviceException e) {
            return Optional.empty();
        }
    }

    private FoundLibrary preload(CudaLibrary library) {
        FoundLibrary files =
                settle(library).orElseThrow(() -> new DeviceException(absence(library).line()));
        if (library != CudaLibrary.CUDNN || partsAreHidden(files)) {
            files.parts().forEach(DynamicLoader::load);
        }
        DynamicLoader.load(files.path());
        return files;
    }

    /**
     * Whether a part of cuDNN also lies in a folder of the loader's path. cuDNN opens its parts by
     * name when it needs them, and the loader's path comes before its own folder (ld.so(8)): the
     * parts of another version would be taken, unless the right ones are loaded already.
     */
    private boolean partsAreHidden(FoundLibrary files) {
        return places.stream()
                .filter(place -> place.origin().equals(LibraryPlace.LOADER_PATH))
                .filter(place -> !place.folder().equals(files.path().getParent()))
                .anyMatch(
                        place ->
                                files.parts().stream()
                                        .anyMatch(
                                                part ->
                                                        place.folder()
                                                                .resolve(part.getFileName())
                                                                .toFile()
                                                                .exists()));
    }
}
