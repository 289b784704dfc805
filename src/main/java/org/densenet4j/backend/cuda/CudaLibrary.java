package org.densenet4j.backend.cuda;

import java.util.List;

/** A library of NVIDIA's that the backend calls, and the files it consists of. */
enum CudaLibrary {
    /** The driver itself, installed with the graphics card. */
    DRIVER(
            "NVIDIA driver",
            "libcuda.so.",
            "nvcuda",
            new LibraryFiles(0, "libcuda.so.1", "nvcuda.dll", List.of(), List.of())),

    /** Matrix products. Each major version belongs to the CUDA of the same number. */
    CUBLAS("cuBLAS", "libcublas.so.", "cublas64_", cublas(12), cublas(13)),

    /** The run-time compiler, which makes our kernels for the device found. */
    NVRTC("NVRTC", "libnvrtc.so.", "nvrtc64_", nvrtc(12), nvrtc(13)),

    /** Convolutions. Version 9 has one file name under CUDA 12 and 13. */
    CUDNN(
            "cuDNN 9",
            "libcudnn.so.",
            "cudnn64_",
            new LibraryFiles(
                    0,
                    "libcudnn.so.9",
                    "cudnn64_9.dll",
                    // In an order in which each finds what it needs among those before it.
                    List.of(
                            "libcudnn_graph.so.9",
                            "libcudnn_ops.so.9",
                            "libcudnn_cnn.so.9",
                            "libcudnn_heuristic.so.9",
                            "libcudnn_engines_precompiled.so.9"),
                    List.of(
                            "cudnn_graph64_9.dll",
                            "cudnn_ops64_9.dll",
                            "cudnn_cnn64_9.dll",
                            "cudnn_heuristic64_9.dll",
                            "cudnn_engines_precompiled64_9.dll"))),

    /** Sums over the GPUs of several processes. Only Linux has it; one process does not load it. */
    NCCL(
            "NCCL",
            "libnccl.so.",
            "nccl",
            new LibraryFiles(0, "libnccl.so.2", "nccl.dll", List.of(), List.of()));

    private final String title;
    private final String linuxStem;
    private final String windowsStem;
    private final List<LibraryFiles> versions;

    CudaLibrary(String title, String linuxStem, String windowsStem, LibraryFiles... versions) {
        this.title = title;
        this.linuxStem = linuxStem;
        this.windowsStem = windowsStem;
        this.versions = List.of(versions);
    }

    private static LibraryFiles cublas(int major) {
        return new LibraryFiles(
                major,
                "libcublas.so." + major,
                "cublas64_" + major + ".dll",
                List.of("libcublasLt.so." + major),
                List.of("cublasLt64_" + major + ".dll"));
    }

    private static LibraryFiles nvrtc(int major) {
        return new LibraryFiles(
                major,
                "libnvrtc.so." + major,
                "nvrtc64_" + major + "0_0.dll",
                List.of("libnvrtc-builtins.so." + major + "."),
                List.of("nvrtc-builtins64_" + major));
    }

    /** Whether a device that works alone needs it; others are loaded when they are asked for. */
    boolean servesOneProcess() {
        return this != NCCL;
    }

    /** Name for people. */
    public String title() {
        return title;
    }

    /** Versions that will do, the preferred one first. */
    List<LibraryFiles> versions() {
        return versions;
    }

    /**
     * How the main file's name begins, whatever its version: what follows is the version's number.
     */
    String stem(boolean windows) {
        return windows ? windowsStem : linuxStem;
    }
}
