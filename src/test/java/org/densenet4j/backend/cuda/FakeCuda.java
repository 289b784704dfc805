package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import jcuda.JCudaVersion;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Libraries with the names of NVIDIA's and the few functions that a diagnosis asks, compiled on the
 * spot. Needs a C++ compiler.
 */
public final class FakeCuda {
    private static final String DRIVER =
            """
            #include <string.h>
            static const char *const names[] = { %s };
            static const int capabilities[] = { %s };
            extern "C" {
            int cuInit(unsigned) { return %d; }
            int cuDriverGetVersion(int *v) { *v = %d; return 0; }
            int cuDeviceGetCount(int *n) { *n = sizeof names / sizeof *names - 1; return 0; }
            int cuDeviceGet(int *d, int i) { *d = 7 + i; return 0; }
            int cuDeviceGetName(char *name, int, int d) { strcpy(name, names[d - 7]); return 0; }
            int cuDeviceTotalMem_v2(size_t *bytes, int) { *bytes = 80000000000ull; return 0; }
            int cuDeviceGetAttribute(int *v, int a, int d) {
                int c = capabilities[d - 7];
                *v = a == 75 ? c / 10 : a == 76 ? c %% 10 : a == 16 ? 132 : -1; return 0;
            }
            }
            """;

    private FakeCuda() {}

    /**
     * A device of a driver.
     *
     * @param name marketing name
     * @param capability compute capability without its point
     */
    public record Card(String name, int capability) {}

    /** A driver with {@code devices} new devices whose start returns {@code status}. */
    public static void driver(Path folder, int status, int version, int devices)
            throws IOException {
        List<Card> cards = List.of(new Card("First Card", 90), new Card("Second Card", 90));
        driver(folder, status, version, cards.subList(0, devices));
    }

    /**
     * A driver.
     *
     * @param status what its start returns
     * @param version the CUDA that it supports, such as 12080
     */
    public static void driver(
            Path folder, int status, int version, List<Card> cards, String... linkerOptions)
            throws IOException {
        compile(folder, "libcuda.so.1", source(status, version, cards), linkerOptions);
    }

    /**
     * The same with all other functions that JCuda's half of the driver is linked against, which
     * say «not supported».
     */
    static void driverForJCuda(Path folder, int status, int version, List<Card> cards)
            throws IOException {
        String source = source(status, version, cards);
        StringBuilder rest = new StringBuilder();
        for (String function : undefinedFunctions(folder, "JCudaDriver")) {
            if (!source.contains(" " + function + "(")) {
                rest.append("extern \"C\" int ").append(function).append("() { return 801; }\n");
            }
        }
        compile(folder, "libcuda.so.1", source + rest);
    }

    private static String source(int status, int version, List<Card> cards) {
        StringBuilder names = new StringBuilder();
        StringBuilder capabilities = new StringBuilder();
        for (Card card : cards) {
            names.append('"').append(card.name()).append("\", ");
            capabilities.append(card.capability()).append(", ");
        }
        return DRIVER.formatted(names + "\"\"", capabilities + "0", status, version);
    }

    /** A whole cuDNN 9.5.1 that was built for CUDA {@code cudaVersion}. */
    public static void cudnn(Path folder, int cudaVersion) throws IOException {
        cudnn(folder, cudaVersion, 90_501);
    }

    /** A whole cuDNN of a version such as 90501. */
    public static void cudnn(Path folder, int cudaVersion, int version) throws IOException {
        compile(
                folder,
                "libcudnn.so.9",
                """
                #include <stddef.h>
                extern "C" size_t cudnnGetVersion() { return %d; }
                extern "C" size_t cudnnGetCudartVersion() { return %d; }
                """
                        .formatted(version, cudaVersion));
        for (String part : CudaLibrary.CUDNN.versions().getFirst().parts(false)) {
            compile(folder, part, "extern \"C\" int version() { return %d; }".formatted(version));
        }
    }

    /** A whole cuBLAS 12.6.3. */
    public static void cublas(Path folder) throws IOException {
        cublas(folder, 12, 6, 3);
    }

    /** A whole cuBLAS. */
    public static void cublas(Path folder, int major, int minor, int patch) throws IOException {
        compile(
                folder,
                "libcublas.so." + major,
                """
                extern "C" int cublasGetProperty(int what, int *value) {
                    *value = what == 0 ? %d : what == 1 ? %d : %d; return 0;
                }
                """
                        .formatted(major, minor, patch));
        compile(
                folder,
                "libcublasLt.so." + major,
                "extern \"C\" int cublasLtNothing() { return 0; }");
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

    /** An NCCL of a version such as 22304. */
    public static void nccl(Path folder, int version) throws IOException {
        compile(
                folder,
                "libnccl.so.2",
                """
                extern "C" int ncclGetVersion(int *v) { *v = %d; return 0; }
                """
                        .formatted(version));
    }

    /** Functions of NVIDIA's that one of JCuda's native halves is linked against. */
    private static List<String> undefinedFunctions(Path folder, String library) throws IOException {
        String resource = "/lib/lib" + library + "-" + JCudaVersion.get() + "-linux-x86_64.so";
        Path file = Files.createDirectories(folder).resolve(library + ".so");
        try (InputStream stream = FakeCuda.class.getResourceAsStream(resource)) {
            Files.copy(stream, file, StandardCopyOption.REPLACE_EXISTING);
        }
        Process nm =
                new ProcessBuilder("nm", "-D", "--undefined-only", file.toString())
                        .redirectErrorStream(true)
                        .start();
        String symbols = new String(nm.getInputStream().readAllBytes());
        Files.delete(file);
        return symbols.lines()
                .map(line -> line.substring(line.lastIndexOf(' ') + 1))
                .filter(name -> name.matches("cu[A-Z].*"))
                .toList();
    }

    /** Compiles a library of this name and soname. */
    static void compile(Path folder, String name, String source, String... linkerOptions)
            throws IOException {
        Files.createDirectories(folder);
        Path file = Files.createTempFile(folder, "fake", ".cpp");
        Files.writeString(file, source);
        try {
            List<String> command = new ArrayList<>(List.of("g++", "-shared", "-fPIC"));
            command.add("-Wl,-soname," + name);
            command.addAll(List.of(linkerOptions));
            command.addAll(List.of("-o", folder.resolve(name).toString(), file.toString()));
            Process compiler = new ProcessBuilder(command).redirectErrorStream(true).start();
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
