package org.densenet4j.cli;

import org.densenet4j.spec.DenseNetSpec;

import picocli.CommandLine.Option;

/** Options that describe the network; a spec is a preset with some fields changed. */
final class ModelOption {
    @Option(
            names = "--model",
            paramLabel = "NAME",
            description =
                    "bc-DEPTH-K (bc-100-12), plain-DEPTH-K, b-DEPTH-K, c-DEPTH-K, or"
                            + " densenet121/169/201/161/264/232")
    private String model;

    @Option(names = "--classes", paramLabel = "N", description = "outputs of the classifier")
    private Integer classes;

    @Option(names = "--input-size", paramLabel = "N", description = "height and width of images")
    private Integer inputSize;

    @Option(
            names = "--dropout",
            paramLabel = "P",
            description = "probability of dropping a new feature (default: 0)")
    private Double dropout;

    @Option(names = "--compression", paramLabel = "THETA", description = "factor in transitions")
    private Double compression;

    /** For picocli. */
    ModelOption() {}

    DenseNetSpec.Builder builder(String defaultModel) {
        DenseNetSpec.Builder builder = DenseNetSpec.preset(model == null ? defaultModel : model);
        if (classes != null) {
            builder.classes(classes);
        }
        if (inputSize != null) {
            builder.inputSize(inputSize);
        }
        if (dropout != null) {
            builder.dropout(dropout);
        }
        if (compression != null) {
            builder.compression(compression);
        }
        return builder;
    }
}
