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
            description = "best, cpu, cuda or cuda:N for the GPU N (default: ${DEFAULT-VALUE})")
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

    @Option(
            names = "--tf32",
            description = "let a GPU round operands of products and convolutions to TF32")
    private boolean tensorFloat32;

    @Option(names = "--no-graphs", hidden = true, description = "launch every GPU operation")
    private boolean noGraphs;

    @Option(names = "--no-vector-api", hidden = true, description = "plain loops")
    private boolean noVectorApi;

    /** For picocli. */
    DeviceOption() {}

    Device open() {
        return Device.open(
                device,
                DeviceOptions.defaults()
                        .withThreads(threads)
                        .withDeterministic(deterministic)
                        .withVectorApi(!noVectorApi)
                        .withTensorFloat32(tensorFloat32)
                        .withGraphs(!noGraphs));
    }
}
