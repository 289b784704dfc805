package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

import picocli.CommandLine.Option;

/** Options that choose the device; shared by all commands that compute. */
final class DeviceOption {
    @Option(
            names = "--device",
            paramLabel = "NAME",
            defaultValue = "best",
            description = "best, cpu or cuda (default: ${DEFAULT-VALUE})")
    private String device;

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "0",
            description = "worker threads of the CPU (default: one per processor)")
    private int threads;

    @Option(
            names = "--deterministic",
            description = "bit-identical results from run to run with the same threads")
    private boolean deterministic;

    @Option(names = "--no-vector-api", hidden = true, description = "plain loops")
    private boolean noVectorApi;

    /** For picocli. */
    DeviceOption() {}

    Device open() {
        return Device.open(device, new DeviceOptions(threads, deterministic, !noVectorApi));
    }
}
