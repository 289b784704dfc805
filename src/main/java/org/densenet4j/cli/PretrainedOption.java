package org.densenet4j.cli;

import org.densenet4j.engine.Network;
import org.densenet4j.weights.LoadOptions;
import org.densenet4j.weights.WeightReport;
import org.densenet4j.weights.Weights;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;

/** Options that start training from weights of elsewhere. */
final class PretrainedOption {
    @Option(
            names = "--weights",
            paramLabel = "FILE",
            description =
                    "start from these weights (safetensors or PyTorch's .pth, with torchvision's or"
                            + " timm's names)")
    private Path weights;

    @Option(
            names = "--reset-head",
            description = "with --weights: train a new classifier, for other classes")
    private boolean resetHead;

    @Option(
            names = "--ignore-unexpected",
            description = "with --weights: load although the file has tensors of no use here")
    private boolean ignoreUnexpected;

    /** For picocli. */
    PretrainedOption() {}

    void load(Network network) throws IOException {
        if (weights == null) {
            if (resetHead || ignoreUnexpected) {
                throw new IllegalArgumentException(
                        "--reset-head and --ignore-unexpected need --weights FILE");
            }
            return;
        }
        LoadOptions options =
                LoadOptions.strict()
                        .withResetHead(resetHead)
                        .withIgnoreUnexpected(ignoreUnexpected);
        WeightReport report = Weights.load(weights, network, options);
        System.out.println(
                "loaded "
                        + report.matched().size()
                        + " tensors from "
                        + weights
                        + (resetHead ? ", with a new classifier" : ""));
    }
}
