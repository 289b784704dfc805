package org.densenet4j.cli;

import org.densenet4j.spec.DenseNetSpec;

import picocli.CommandLine.Option;

import java.util.ArrayList;
import java.util.List;

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
        return withName(name(defaultModel));
    }

    private DenseNetSpec.Builder changed(DenseNetSpec.Builder builder) {
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

    /** The chosen preset. */
    String name(String defaultModel) {
        return model == null ? defaultModel : model;
    }

    /** The options that give another process this network, with another preset's name. */
    List<String> arguments(String name) {
        List<String> arguments = new ArrayList<>(List.of("--model", name));
        add(arguments, "--classes", classes);
        add(arguments, "--input-size", inputSize);
        add(arguments, "--dropout", dropout);
        add(arguments, "--compression", compression);
        return arguments;
    }

    private static void add(List<String> arguments, String option, Object value) {
        if (value != null) {
            arguments.addAll(List.of(option, value.toString()));
        }
    }

    /** The same options on another preset. */
    DenseNetSpec.Builder withName(String name) {
        return changed(DenseNetSpec.preset(name));
    }
}
