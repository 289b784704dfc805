package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import static java.nio.charset.StandardCharsets.UTF_8;

import jcuda.driver.JCudaDriver;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Which driver is loaded: the CUDA that it supports, and on Linux, where several releases support
 * the same, the release that its kernel module tells.
 */
final class DriverRelease {
    private static final Path KERNEL_MODULE = Path.of("/proc/driver/nvidia/version");

    private DriverRelease() {}

    /** One line. */
    static String text() {
        int[] version = new int[1];
        checkDriver(JCudaDriver.cuDriverGetVersion(version), "asking for the driver's version");
        return CudaDriver.text(version[0]) + kernelModule();
    }

    private static String kernelModule() {
        try {
            List<String> lines = Files.readAllLines(KERNEL_MODULE, UTF_8);
            return lines.isEmpty() ? "" : " (" + lines.getFirst() + ")";
        } catch (IOException e) {
            return "";
        }
    }
}
