package org.densenet4j.bench;

import org.densenet4j.backend.CpuIsa;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * How processes are held to an instruction set below the processor's best: libtorch and oneDNN by
 * environment variables, our kernels by {@code --isa}, the JVM by {@code UseAVX}.
 */
final class HeldInstructions {
    private HeldInstructions() {}

    /**
     * Environment of a process of either side. oneDNN is held to AVX-512 without tiles (AMX), which
     * our kernels do not use with {@link CpuIsa#AVX512} either; libtorch's may be one that reads
     * the variable's old name.
     */
    static Map<String, String> environment(CpuIsa isa) {
        return switch (isa) {
            case AVX2 -> environment("AVX2", "avx2", "Haswell", 2);
            case AVX512 -> environment("AVX512_CORE_BF16", "avx512", "SkylakeX", 3);
            default -> Map.of();
        };
    }

    private static Map<String, String> environment(
            String oneDnn, String aten, String openBlas, int java) {
        return Map.of(
                "ONEDNN_MAX_CPU_ISA",
                oneDnn,
                "DNNL_MAX_CPU_ISA",
                oneDnn,
                "ATEN_CPU_CAPABILITY",
                aten,
                "OPENBLAS_CORETYPE",
                openBlas,
                "JDK_JAVA_OPTIONS",
                "-XX:UseAVX=" + java);
    }

    /** Arguments of our command line. */
    static List<String> arguments(CpuIsa isa) {
        return isa == CpuIsa.BEST ? List.of() : List.of("--isa", isa.toString());
    }

    /**
     * Why ONNX Runtime cannot be held to an instruction set; null where nothing has to hold it. Its
     * kernels (MLAS) are chosen by CPUID alone: no variable and no session option limits them.
     */
    static String whyNotOnnxRuntime(CpuIsa isa) throws IOException {
        Path facts = Path.of("/proc/cpuinfo");
        boolean more =
                isa == CpuIsa.AVX2
                        && Files.isReadable(facts)
                        && Files.readString(facts).contains(" avx512f");
        return more
                ? "ONNX Runtime is left out: it takes the best instructions of the processor, here"
                        + " AVX-512, and cannot be held to AVX2."
                : null;
    }

    /** What a report says of it. */
    static String sentence(CpuIsa isa) {
        return switch (isa) {
            case AVX2 -> "Both sides are held to AVX2.";
            case AVX512 -> "Both sides are held to AVX-512 without tiles.";
            default -> "Both sides use what the processor has.";
        };
    }
}
