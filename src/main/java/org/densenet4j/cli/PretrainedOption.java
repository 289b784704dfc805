package org.densenet4j.cli;

import org.densenet4j.data.ImageMetadata;
import org.densenet4j.engine.Network;
import org.densenet4j.weights.LoadOptions;
import org.densenet4j.weights.WeightReport;
import org.densenet4j.weights.Weights;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Options that start training from weights of elsewhere. */
final class PretrainedOption {
    private static final String NONE = "none";

    @Option(
            names = "--weights",
            paramLabel = "FILE",
            description =
                    "start from these weights (safetensors or PyTorch's .pth, with torchvision's or"
                            + " timm's names; of a DSOD also Caffe's .caffemodel)")
    private Path weights;

    @Mixin private WeightsKeyOption weightsKey;

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

    /** What a run has to remember, in case that it is stopped before its first checkpoint. */
    Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put(
                "weights",
                weights == null ? NONE : weights.toAbsolutePath().normalize().toString());
        settings.put(WeightsKeyOption.NAME, weightsKey.setting());
        settings.put("reset-head", String.valueOf(resetHead));
        settings.put("ignore-unexpected", String.valueOf(ignoreUnexpected));
        return settings;
    }

    /** Takes back what {@link #settings} told. */
    void restore(RememberedSettings settings) {
        settings.text(
                "weights",
                saved -> weights = saved.equals(NONE) || saved.isBlank() ? null : Path.of(saved));
        weightsKey.restore(settings);
        settings.flag("reset-head", saved -> resetHead = saved);
        settings.flag("ignore-unexpected", saved -> ignoreUnexpected = saved);
    }

    /** What the weights record of the images that they were trained on. */
    ImageMetadata images() throws IOException {
        return weights == null ? ImageMetadata.NONE : Weights.images(weights, options());
    }

    /**
     * Values per pixel of the images that the weights are for.
     *
     * @param usual what is taken where nothing is known
     */
    int channels(int usual) throws IOException {
        return images().normalisation()
                .map(normalisation -> normalisation.mean().length)
                .orElse(usual);
    }

    /**
     * The classes that the weights are for, where their classifier is kept and they are named.
     *
     * @param recorded what {@link #images} found
     */
    Optional<List<String>> classNames(ImageMetadata recorded) {
        return resetHead ? Optional.empty() : recorded.classNames();
    }

    private LoadOptions options() {
        return weightsKey.in(
                LoadOptions.strict()
                        .withResetHead(resetHead)
                        .withIgnoreUnexpected(ignoreUnexpected));
    }

    void load(Network network) throws IOException {
        if (weights == null) {
            if (resetHead || ignoreUnexpected || weightsKey.isGiven()) {
                throw new IllegalArgumentException(
                        "--reset-head, --ignore-unexpected and --weights-key need --weights FILE");
            }
            return;
        }
        WeightReport report = Weights.load(weights, network, options().withAdaptedInput(true));
        System.out.println(
                "loaded "
                        + report.matched().size()
                        + " tensors from "
                        + weights
                        + (resetHead ? ", with a new classifier" : ""));
        report.adapted().forEach(line -> System.out.println("adapted " + line));
    }
}
