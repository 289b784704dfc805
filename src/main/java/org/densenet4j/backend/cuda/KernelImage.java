package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DeviceException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;

/**
 * The kernels as PTX, which the driver compiles for its device, once, and keeps in a cache of its
 * own.
 *
 * <p>A jar that was built where {@code nvcc} is carries the PTX: then a driver and cuDNN are all
 * that a user needs. A jar built elsewhere compiles its sources with NVRTC on first use and keeps
 * the result in the cache folder.
 */
final class KernelImage {
    /** Made by the build, see {@code src/build/CompileKernels.java}. */
    private static final String PREBUILT = "kernels.ptx";

    private KernelImage() {}

    /**
     * @param architecture compute capability without its point, such as 90
     * @throws DeviceException when the jar has no PTX and there is no NVRTC, with the fix
     */
    static String ptx(CudaLibraries libraries, int architecture) {
        Optional<String> prebuilt = KernelSource.resource(PREBUILT);
        if (prebuilt.isPresent()) {
            return prebuilt.get();
        }
        if (!libraries.hasNvrtc()) {
            throw new DeviceException(
                    "this jar was built without nvcc and there is no NVRTC to compile the kernels;"
                            + " run ./densenet4j doctor --fetch-cuda");
        }
        return compiled(
                new Nvrtc(libraries.functions(CudaLibrary.NVRTC)),
                architecture,
                CudaCache.folder().resolve("kernels"));
    }

    /** Compiles, or takes what an earlier process compiled from the same sources. */
    static String compiled(Nvrtc nvrtc, int deviceArchitecture, Path cache) {
        int architecture = nvrtc.architecture(deviceArchitecture);
        KernelSource source = KernelSource.read();
        String compilation = "nvrtc " + nvrtc.version() + ", compute_" + architecture;
        Path file = cache.resolve(source.fingerprint(compilation) + ".ptx");
        try {
            if (Files.isRegularFile(file)) {
                return Files.readString(file);
            }
            String ptx = nvrtc.compile(source, architecture);
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
