package org.densenet4j.cli;

import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.DsodSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.MsdNetSpec;
import org.densenet4j.spec.RdNetSpec;
import org.densenet4j.spec.ResNetSpec;

import picocli.CommandLine.Option;

import java.util.ArrayList;
import java.util.List;

/** Options that describe the network; a spec is a preset of any family with some fields changed. */
final class ModelOption {
    private static final String DROPOUT = "--dropout";
    private static final String COMPRESSION = "--compression";

    @Option(names = "--model", paramLabel = "NAME", description = FamilySpec.NAMES)
    private String model;

    @Option(
            names = "--classes",
            paramLabel = "N",
            description = "outputs of the classifier (default: the preset's)")
    private Integer classes;

    @Option(
            names = "--input-size",
            paramLabel = "N[xM]",
            converter = ImageSize.Converter.class,
            description =
                    "height and width of images, such as 224 or 360x480 (default: the preset's)")
    private ImageSize inputSize;

    @Option(
            names = DROPOUT,
            paramLabel = "P",
            description =
                    "probability of dropping a new feature, of DenseNets (default: 0) and"
                            + " FC-DenseNets (default: 0.2)")
    private Double dropout;

    @Option(
            names = COMPRESSION,
            paramLabel = "THETA",
            description = "factor in transitions, of DenseNets")
    private Double compression;

    /** For picocli. */
    ModelOption() {}

    /**
     * The chosen network.
     *
     * @throws IllegalArgumentException in one line when there is none of this name, or when it does
     *     not have what another option says
     */
    FamilySpec spec(String defaultModel) {
        return withName(name(defaultModel), null);
    }

    /** The chosen preset. */
    String name(String defaultModel) {
        return model == null ? defaultModel : model;
    }

    /**
     * The same options on another preset.
     *
     * @param size of its images; null for that of the options
     */
    FamilySpec withName(String name, ImageSize size) {
        FamilySpec.Builder builder = FamilySpec.preset(name);
        if (classes != null) {
            builder.classes(classes);
        }
        ImageSize images = size == null ? inputSize : size;
        if (images != null) {
            builder.inputSize(images.height(), images.width());
        }
        if (dropout != null) {
            dropout(builder, name);
        }
        if (compression != null) {
            compression(builder, name);
        }
        return builder.build();
    }

    private void dropout(FamilySpec.Builder builder, String name) {
        switch (builder) {
            case DenseNetSpec.Builder b -> b.dropout(dropout);
            case FcDenseNetSpec.Builder b -> b.dropout(dropout);
            case ResNetSpec.Builder _,
                    CondenseNetSpec.Builder _,
                    MsdNetSpec.Builder _,
                    RdNetSpec.Builder _,
                    DsodSpec.Builder _ ->
                    throw refused(DROPOUT, name, "DenseNets and FC-DenseNets");
        }
    }

    private void compression(FamilySpec.Builder builder, String name) {
        switch (builder) {
            case DenseNetSpec.Builder b -> b.compression(compression);
            case FcDenseNetSpec.Builder _,
                    ResNetSpec.Builder _,
                    CondenseNetSpec.Builder _,
                    MsdNetSpec.Builder _,
                    RdNetSpec.Builder _,
                    DsodSpec.Builder _ ->
                    throw refused(COMPRESSION, name, "DenseNets");
        }
    }

    private static IllegalArgumentException refused(String option, String name, String families) {
        return new IllegalArgumentException(
                name + " has no " + option + ", which is for " + families + "; leave it out");
    }

    /** What networks beside the chosen one have in common with it: classes and size of images. */
    ModelOption beside(String name) {
        ModelOption other = new ModelOption();
        other.model = name;
        other.classes = classes;
        other.inputSize = inputSize;
        return other;
    }

    /** The options that give another process this network, with another preset's name. */
    List<String> arguments(String name) {
        List<String> arguments = new ArrayList<>(List.of("--model", name));
        add(arguments, "--classes", classes);
        add(arguments, "--input-size", inputSize);
        add(arguments, DROPOUT, dropout);
        add(arguments, COMPRESSION, compression);
        return arguments;
    }

    /** The options that give another process a preset that was changed by such options. */
    static List<String> arguments(FamilySpec spec) {
        ModelOption option = new ModelOption();
        option.classes = spec.classes();
        option.inputSize = ImageSize.of(spec);
        switch (spec) {
            case DenseNetSpec s -> {
                option.dropout = s.dropout();
                option.compression = s.compression();
            }
            case FcDenseNetSpec s -> option.dropout = s.dropout();
            case ResNetSpec _, CondenseNetSpec _, MsdNetSpec _, RdNetSpec _, DsodSpec _ -> {}
        }
        return option.arguments(spec.name());
    }

    private static void add(List<String> arguments, String option, Object value) {
        if (value != null) {
            arguments.addAll(List.of(option, value.toString()));
        }
    }
}
