package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.plan.Summary;
import org.densenet4j.spec.DenseNetSpec;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.util.concurrent.Callable;

/** {@code densenet4j summary}. */
@Command(
        name = "summary",
        description =
                "Shows shape, parameters, multiply-adds, receptive field and memory of every layer.",
        mixinStandardHelpOptions = true)
final class SummaryCommand implements Callable<Integer> {
    @Mixin private ModelOption model;
    @Mixin private DeviceOption device;

    @Option(
            names = "--batch",
            paramLabel = "N",
            defaultValue = "64",
            description = "images per step (default: ${DEFAULT-VALUE})")
    private int batch;

    /** For picocli. */
    SummaryCommand() {}

    @Override
    public Integer call() {
        DenseNetSpec spec = model.builder("bc-100-12").build();
        try (Device d = device.open()) {
            System.out.print(Summary.of(spec, batch, d));
        }
        return 0;
    }
}
