package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Libraries with the names of NVIDIA's and the few functions that a diagnosis asks, compiled on the
 * spot. Needs a C++ compiler.
 */
public final class FakeCuda {
    private static final String DRIVER =
            """
            #include <string.h>
            extern "C" {
            int cuInit(unsigned) { return %d; }
            int cuDriverGetVersion(int *v) { *v = %d; return 0; }
            int cuDeviceGetCount(int *n) { *n = %d; return 0; }
            int cuDeviceGet(int *d, int i) { *d = 7 + i; return 0; }
            int cuDeviceGetName(char *name, int, int d) {
                strcpy(name, d == 7 ? "First Card" : "Second Card"); return 0;
            }
            int cuDeviceTotalMem_v2(size_t *bytes, int) { *bytes = 80000000000ull; return 0; }
            int cuDeviceGetAttribute(int *v, int a, int) {
                *v = a == 75 ? 9 : a == 76 ? 0 : a == 16 ? 132 : -1; return 0;
            }
            int cuGetErrorName(int, const char **name) {
                *name = "CUDA_ERROR_NO_DEVICE"; return 0;
            }
            }
            """;

    private FakeCuda() {}

    /** A driver with {@code devices} devices whose start returns {@code status}. */
    public static void driver(Path folder, int status, int version, int devices)
            throws IOException {
        compile(folder, "libcuda.so.1", DRIVER.formatted(status, version, devices));
    }

    /** A whole cuDNN 9.5.1 that was built for CUDA {@code cudaVersion}. */
    public static void cudnn(Path folder, int cudaVersion) throws IOException {
        compile(
                folder,
                "libcudnn.so.9",
                """
                #include <stddef.h>
                extern "C" size_t cudnnGetVersion() { return 90501; }
                extern "C" size_t cudnnGetCudartVersion() { return %d; }
                """
                        .formatted(cudaVersion));
        for (String part : CudaLibrary.CUDNN.companions(false)) {
            Files.createFile(folder.resolve(part));
        }
    }

    /** A whole cuBLAS 12.6.3. */
    public static void cublas(Path folder) throws IOException {
        compile(
                folder,
                "libcublas.so.12",
                """
                extern "C" int cublasGetProperty(int what, int *value) {
                    *value = what == 0 ? 12 : what == 1 ? 6 : 3; return 0;
                }
                """);
        compile(folder, "libcublasLt.so.12", "extern \"C\" int cublasLtNothing() { return 0; }");
    }

    /** A whole NVRTC. */
    public static void nvrtc(Path folder, int major, int minor) throws IOException {
        compile(
                folder,
                "libnvrtc.so." + major,
                """
                extern "C" int nvrtcVersion(int *a, int *b) { *a = %d; *b = %d; return 0; }
                """
                        .formatted(major, minor));
        compile(
                folder,
                "libnvrtc-builtins.so." + major + "." + minor,
                "extern \"C\" int builtins() { return 0; }");
    }

    private static void compile(Path folder, String name, String source) throws IOException {
        Files.createDirectories(folder);
        Path file = Files.createTempFile(folder, "fake", ".cpp");
        Files.writeString(file, source);
        try {
            Process compiler =
                    new ProcessBuilder(
                                    List.of(
                                            "g++",
                                            "-shared",
                                            "-fPIC",
                                            "-Wl,-soname," + name,
                                            "-o",
                                            folder.resolve(name).toString(),
                                            file.toString()))
                            .redirectErrorStream(true)
                            .start();
            String output = new String(compiler.getInputStream().readAllBytes());
            assertEquals(0, compiler.waitFor(), output);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        } catch (IOException e) {
            assumeTrue(false, "no C++ compiler g++: " + e.getMessage());
        } finally {
            Files.delete(file);
        }
    }
}
