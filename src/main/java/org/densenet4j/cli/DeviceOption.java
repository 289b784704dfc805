package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

import picocli.CommandLine.Option;

import java.util.ArrayList;
import java.util.List;

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

    /** The options that give another process the same device. */
    List<String> arguments() {
        List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of("--device", device, "--threads", String.valueOf(threads)));
        if (deterministic) {
            arguments.add("--deterministic");
        }
        if (noVectorApi) {
            arguments.add("--no-vector-api");
        }
        return arguments;
    }
}
