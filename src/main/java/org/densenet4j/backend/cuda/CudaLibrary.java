package org.densenet4j.backend.cuda;

import java.util.List;

/** A library of NVIDIA's that the backend calls, and the files it consists of. */
enum CudaLibrary {
    /** The driver itself, installed with the graphics card. */
    DRIVER("NVIDIA driver", List.of("libcuda.so.1"), List.of("nvcuda.dll"), List.of(), List.of()),

    /** Matrix products. JCuda is linked against the one of CUDA 12. */
    CUBLAS(
            "cuBLAS 12",
            List.of("libcublas.so.12"),
            List.of("cublas64_12.dll"),
            List.of("libcublasLt.so.12"),
            List.of("cublasLt64_12.dll")),

    /** The run-time compiler, which makes our kernels for the device found. */
    NVRTC(
            "NVRTC",
            List.of("libnvrtc.so.12", "libnvrtc.so.13"),
            List.of("nvrtc64_120_0.dll", "nvrtc64_130_0.dll"),
            List.of("libnvrtc-builtins.so."),
            List.of("nvrtc-builtins64_")),

    /** Convolutions. Version 9 has one file name under CUDA 12 and 13. */
    CUDNN(
            "cuDNN 9",
            List.of("libcudnn.so.9"),
            List.of("cudnn64_9.dll"),
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
                    "cudnn_engines_precompiled64_9.dll"));

    private final String title;
    private final List<String> linuxFiles;
    private final List<String> windowsFiles;
    private final List<String> linuxCompanions;
    private final List<String> windowsCompanions;

    CudaLibrary(
            String title,
            List<String> linuxFiles,
            List<String> windowsFiles,
            List<String> linuxCompanions,
            List<String> windowsCompanions) {
        this.title = title;
        this.linuxFiles = linuxFiles;
        this.windowsFiles = windowsFiles;
        this.linuxCompanions = linuxCompanions;
        this.windowsCompanions = windowsCompanions;
    }

    /** Name for people. */
    public String title() {
        return title;
    }

    /** File names that will do, the preferred one first. */
    List<String> files(boolean windows) {
        return windows ? windowsFiles : linuxFiles;
    }

    /**
     * Beginnings of the names of files that must lie in the same folder. The parts of one library
     * only work with each other, so they are never taken from different places.
     */
    List<String> companions(boolean windows) {
        return windows ? windowsCompanions : linuxCompanions;
    }
}
