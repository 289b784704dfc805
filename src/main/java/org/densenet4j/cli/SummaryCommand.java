package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.plan.Summary;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

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
    @Mixin private BatchOption batch;

    /** For picocli. */
    SummaryCommand() {}

    @Override
    public Integer call() {
        NetworkSpec spec = model.spec("bc-100-12");
        try (Device d = device.open()) {
            System.out.print(Summary.of(spec, batch.of(spec), d));
        }
        return 0;
    }
}
