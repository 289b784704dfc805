package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DeviceException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * The kernels as PTX, which the driver compiles for its device, once, and keeps in a cache of its
 * own.
 *
 * <p>A jar that was built where {@code nvcc} is carries the PTX: then a driver and cuDNN are all
 * that a user needs. A jar built elsewhere compiles its sources with NVRTC on first use and keeps
 * the result in the cache folder.
 */
final class KernelImage {
    /** What the build makes, newest first, see {@code src/build/CompileKernels.java}. */
    private static final int[] PREBUILT = {80, 75};

    /** The oldest compute capability that the kernels are made for. */
    static final String OLDEST_CAPABILITY = "7.5";

    private static final int OLDEST_ARCHITECTURE = 75;

    private KernelImage() {}

    /** Whether a device is new enough for the kernels. */
    static boolean runsOn(CudaDriver.DeviceFacts device) {
        return device.architecture() >= OLDEST_ARCHITECTURE;
    }

    /**
     * The kernels of a step.
     *
     * @param architecture compute capability without its point, such as 90
     * @throws DeviceException when the jar has no PTX and there is no NVRTC, with the fix
     */
    static String ptx(CudaLibraries libraries, int architecture) {
        return ptx(libraries, architecture, "kernels", KernelSource.MAIN, List.of());
    }

    /**
     * The kernels of a dense layer's program.
     *
     * @param architecture compute capability without its point, such as 90
     * @throws DeviceException when the jar has no PTX and there is no NVRTC, with the fix
     */
    static String ptx(CudaLibraries libraries, int architecture, LayerProgram program) {
        return ptx(
                libraries,
                architecture,
                "dense_layer_" + program.suffix(),
                KernelSource.DENSE_LAYER,
                program.definitions());
    }

    private static String ptx(
            CudaLibraries libraries,
            int architecture,
            String image,
            String source,
            List<String> definitions) {
        Optional<String> prebuilt = prebuilt(image, architecture, KernelSource::resource);
        if (prebuilt.isPresent()) {
            return prebuilt.get();
        }
        if (!libraries.hasNvrtc()) {
            throw new DeviceException(
                    "this jar has no kernels for compute capability "
                            + architecture / 10
                            + "."
                            + architecture % 10
                            + " and there is no NVRTC to compile them; run ./densenet4j doctor"
                            + " --fetch-cuda");
        }
        return compiled(
                new Nvrtc(libraries.functions(CudaLibrary.NVRTC)),
                KernelSource.read(source),
                definitions,
                architecture,
                CudaCache.folder().resolve("kernels"));
    }

    /**
     * The newest PTX that a device of this architecture can run, if there is any.
     *
     * @param image the PTX's name without its architecture
     * @param resource a file of the jar's {@code cuda-kernels} by its name
     */
    static Optional<String> prebuilt(
            String image, int architecture, Function<String, Optional<String>> resource) {
        return IntStream.of(PREBUILT)
                .filter(a -> a <= architecture)
                .mapToObj(a -> resource.apply(image + "_" + a + ".ptx"))
                .flatMap(Optional::stream)
                .findFirst();
    }

    /** Compiles, or takes what an earlier process compiled from the same sources. */
    static String compiled(
            Nvrtc nvrtc,
            KernelSource source,
            List<String> definitions,
            int deviceArchitecture,
            Path cache) {
        int architecture = nvrtc.architecture(deviceArchitecture);
        String compilation = "nvrtc " + nvrtc.version() + ", compute_" + architecture + definitions;
        Path file = cache.resolve(source.fingerprint(compilation) + ".ptx");
        try {
            if (Files.isRegularFile(file)) {
                return Files.readString(file);
            }
            String ptx = nvrtc.compile(source, definitions, architecture);
            Files.createDirectories(cache);
            Path temporary = Files.createTempFile(cache, "kernels", ".tmp");
            Files.writeString(temporary, ptx);
            Files.move(
                    temporary,
                    file,
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
            return ptx;
        } catch (IOException e) {
            throw new DeviceException(
                    "cannot keep the compiled kernels in "
                            + cache
                            + " ("
                            + e.getMessage()
                            + "); set DENSENET4J_CACHE to a folder that can be written",
                    e);
        }
    }
}
