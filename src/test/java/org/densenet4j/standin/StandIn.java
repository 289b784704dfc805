package org.densenet4j.standin;

import org.junit.jupiter.api.Assumptions;

import java.io.File;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A stand-in for NVIDIA's driver, cuDNN, cuBLAS, NVRTC and NCCL, so that a process without a GPU
 * runs the CUDA backend: kernels as compiled for the host, libraries in plain loops that check what
 * theirs demand. See {@code src/test/native/standin/README.md} for the variables that choose its
 * behaviour.
 *
 * <p>A process loads one driver, so the stand-in works in child processes: give them {@link
 * #environment}.
 */
public final class StandIn {
    private static Path folder;

    private StandIn() {}

    /**
     * What a child process needs in its environment. Builds the libraries if need be; the calling
     * test is skipped, with the reason, where that is not possible.
     *
     * @param options variables {@code STANDIN_...}; besides, {@code cublas} is the major version
     *     that is there ({@code 12}, {@code 13} or {@code none}, default 12), and {@code nvrtc} is
     *     {@code 13} or {@code none}, default 13, {@code nccl} {@code 2} or {@code none}, default
     *     2; {@code DENSENET4J_CACHE} is a cache folder of the test's own
     */
    public static Map<String, String> environment(Map<String, String> options) {
        Path libraries = libraries();
        Map<String, String> environment = new LinkedHashMap<>(options);
        String cublas = Optional.ofNullable(environment.remove("cublas")).orElse("12");
        String nccl = Optional.ofNullable(environment.remove("nccl")).orElse("2");
        String nvrtc = Optional.ofNullable(environment.remove("nvrtc")).orElse("13");
        StringBuilder path = new StringBuilder();
        path.append(libraries.resolve("driver"));
        path.append(File.pathSeparator).append(libraries.resolve("cudnn"));
        if (!cublas.equals("none")) {
            path.append(File.pathSeparator).append(libraries.resolve("cublas" + cublas));
        }
        if (!nccl.equals("none")) {
            path.append(File.pathSeparator).append(libraries.resolve("nccl"));
        }
        if (!nvrtc.equals("none")) {
            path.append(File.pathSeparator).append(libraries.resolve("nvrtc"));
        }
        environment.put("DENSENET4J_CUDA_LIBS", path.toString());
        // Never the user's: what the stand-in compiles is no program for a real device.
        environment.putIfAbsent("DENSENET4J_CACHE", libraries.resolve("cache").toString());
        return environment;
    }

    /** The driver's file. */
    static Path driver() {
        return libraries().resolve("driver/libcuda.so.1");
    }

    private static synchronized Path libraries() {
        if (folder == null) {
            String system = System.getProperty("os.name") + " " + System.getProperty("os.arch");
            Assumptions.assumeTrue(
                    List.of("linux amd64", "linux x86_64")
                            .contains(system.toLowerCase(Locale.ROOT)),
                    "the stand-in driver needs Linux on x86-64, this is " + system);
            Optional<HostCompiler> compiler = HostCompiler.find();
            Assumptions.assumeTrue(
                    compiler.isPresent(), "no C++ compiler: the stand-in driver cannot be built");
            folder = StandInLibraries.build(compiler.orElseThrow());
        }
        return folder;
    }

    /** Prints the environment as lines for a shell: {@code export NAME='value'}. */
    public static void main(String[] options) {
        Map<String, String> chosen = new LinkedHashMap<>();
        for (String option : options) {
            int equals = option.indexOf('=');
            chosen.put(option.substring(0, equals), option.substring(equals + 1));
        }
        environment(chosen)
                .forEach(
                        (name, value) -> System.out.println("export " + name + "='" + value + "'"));
    }
}
