package org.densenet4j.cli;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

import picocli.CommandLine.Option;

import java.util.List;

/** The device of {@code bench}, which measures it in several precisions. */
final class BenchDeviceOption {
    @Option(
            names = "--device",
            paramLabel = "NAME",
            defaultValue = "best",
            description = "best, cpu, cuda or cuda:N for the GPU N (default: ${DEFAULT-VALUE})")
    private String device;

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "0",
            description = "worker threads of the CPU (default: one per processor)")
    private int threads;

    /** For picocli. */
    BenchDeviceOption() {}

    Device open() {
        return Device.open(
                device, DeviceOptions.defaults().withThreads(threads).withIndex(Job.gpu()));
    }

    /** The options that give another process the same device in a precision. */
    List<String> arguments(DataType precision) {
        return List.of(
                "--device",
                device,
                "--threads",
                String.valueOf(threads),
                "--precision",
                precision.label());
    }
}
