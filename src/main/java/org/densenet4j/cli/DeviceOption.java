package org.densenet4j.cli;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;

import picocli.CommandLine.Option;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

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

    @Option(
            names = "--precision",
            paramLabel = "NAME",
            defaultValue = "fp32",
            description =
                    "storage of activations: fp32, or bf16 on a GPU or a CPU with AVX2 or AVX-512"
                            + " (default: ${DEFAULT-VALUE})")
    private String precision;

    @Option(names = "--no-graphs", hidden = true, description = "launch every GPU operation")
    private boolean noGraphs;

    @Option(
            names = "--chunk-factor",
            paramLabel = "X",
            hidden = true,
            defaultValue = "1",
            description = "chunks of a GPU so many times as large; Infinity: the whole batch")
    private double chunkFactor;

    @Option(
            names = "--own-convolutions",
            hidden = true,
            description = "convolutions of a GPU by our own kernel instead of cuDNN")
    private boolean ownConvolutions;

    @Option(
            names = "--no-fused-layers",
            hidden = true,
            description = "dense layers of a GPU by cuBLAS and cuDNN")
    private boolean noFusedLayers;

    @Option(
            names = "--no-measured-layers",
            hidden = true,
            description = "fused dense layers of a GPU wherever there are some, unmeasured")
    private boolean noMeasuredLayers;

    @Option(
            names = "--synchronous",
            description = "wait for each GPU operation, so that the one that fails is named")
    private boolean synchronous;

    @Option(
            names = "--isa",
            paramLabel = "NAME",
            defaultValue = "best",
            description =
                    "the most that the CPU's own machine code uses: avx512-bf16, avx512, avx2, none,"
                            + " or best for the fastest that the processor has (default:"
                            + " ${DEFAULT-VALUE})")
    private String isa;

    @Option(names = "--no-winograd", hidden = true, description = "direct 3x3 convolutions")
    private boolean noWinograd;

    @Option(names = "--no-vector-api", hidden = true, description = "plain loops")
    private boolean noVectorApi;

    /** For picocli. */
    DeviceOption() {}

    /** What a run has to remember of these options to be repeated bit by bit. */
    Map<String, String> settings() {
        return Map.of(
                "device",
                device,
                "threads",
                String.valueOf(threads),
                "deterministic",
                String.valueOf(deterministic),
                "tf32",
                String.valueOf(tensorFloat32),
                "precision",
                precision,
                "isa",
                isa);
    }

    /** Takes back what {@link #settings} told. */
    void restore(RememberedSettings settings) {
        settings.text("device", saved -> device = saved);
        settings.number("threads", Integer::parseInt, saved -> threads = saved);
        settings.flag("deterministic", saved -> deterministic = saved);
        settings.flag("tf32", saved -> tensorFloat32 = saved);
        settings.text("precision", saved -> precision = saved);
        settings.text("isa", saved -> isa = saved);
    }

    Device open() {
        return Device.open(device, options());
    }

    /** The device, with its calls traced where that is asked for. */
    Device open(TraceOption trace) {
        return Device.open(device, options().withTrace(trace.isOn()));
    }

    /**
     * The device with direct convolutions, whose rounding is that of other frameworks: Winograd's
     * is five times larger and puts ReLUs whose input is nearly zero on the other side.
     */
    Device openDirect() {
        return Device.open(device, options().withWinograd(false));
    }

    private DeviceOptions options() {
        return DeviceOptions.defaults()
                .withIndex(Job.gpu())
                .withThreads(threads)
                .withDeterministic(deterministic)
                .withVectorApi(!noVectorApi)
                .withTensorFloat32(tensorFloat32)
                .withWinograd(!noWinograd)
                .withIsa(CpuIsa.named(isa))
                .withPrecision(DataType.of(precision))
                .withGraphs(!noGraphs)
                .withChunkFactor(chunkFactor)
                .withOwnConvolutions(ownConvolutions)
                .withFusedLayers(!noFusedLayers)
                .withMeasuredLayers(!noMeasuredLayers)
                .withSynchronous(synchronous);
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
        if (tensorFloat32) {
            arguments.add("--tf32");
        }
        if (noWinograd) {
            arguments.add("--no-winograd");
        }
        if (CpuIsa.named(isa) != CpuIsa.BEST) {
            arguments.addAll(List.of("--isa", isa));
        }
        arguments.addAll(List.of("--precision", precision));
        if (noGraphs) {
            arguments.add("--no-graphs");
        }
        if (chunkFactor != 1) {
            arguments.addAll(List.of("--chunk-factor", String.valueOf(chunkFactor)));
        }
        if (ownConvolutions) {
            arguments.add("--own-convolutions");
        }
        if (noFusedLayers) {
            arguments.add("--no-fused-layers");
        }
        if (noMeasuredLayers) {
            arguments.add("--no-measured-layers");
        }
        if (synchronous) {
            arguments.add("--synchronous");
        }
        return arguments;
    }
}
