package org.densenet4j.cli;

import org.densenet4j.data.Dataset;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.PixelStatistics;
import org.densenet4j.io.OneLine;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.Map;

/** The option that says how training images are normalised. */
final class NormalisationOption {
    private static final String NAME = "normalisation";

    /** Where mean and deviation come from. */
    enum Kind {
        /** The source's own. */
        DATA,
        /** Measured over the training images. */
        MEASURED,
        /** Those of torchvision's ImageNet models. */
        IMAGENET,
        /** Those of CIFAR-10. */
        CIFAR10,
        /** Those of CIFAR-100. */
        CIFAR100,
        /** None: values from 0 to 1 as they are. */
        NONE,
        /** As the weights record that training starts from. */
        WEIGHTS
    }

    @Option(
            names = "--" + NAME,
            paramLabel = "NAME",
            description =
                    "mean and deviation of pixels: MEASURED (over the training images), IMAGENET,"
                            + " CIFAR10, CIFAR100, NONE, WEIGHTS (as --weights records it) or DATA"
                            + " (ImageNet's for folders, else the set's own). The network's files"
                            + " record it (default: DATA)")
    private Kind kind;

    private Kind remembered = Kind.DATA;

    /** For picocli. */
    NormalisationOption() {}

    private Kind kind() {
        return kind != null ? kind : remembered;
    }

    /**
     * The same images, normalised as the option says.
     *
     * @param recorded what the run that goes on, or the weights that it starts from, say
     * @param continued whether a run goes on, whose numbers stay what they were
     * @param threads that read images
     */
    DataOption.Source apply(
            DataOption.Source source,
            ImageMetadata recorded,
            boolean continued,
            int threads,
            boolean skipsBroken)
            throws IOException {
        Normalisation chosen =
                switch (kind()) {
                    case DATA -> source.normalisation();
                    case IMAGENET -> Normalisation.IMAGENET;
                    case CIFAR10 -> Normalisation.CIFAR10;
                    case CIFAR100 -> Normalisation.CIFAR100;
                    case NONE -> Normalisation.none(source.train().channels());
                    case WEIGHTS -> ofWeights(recorded);
                    case MEASURED ->
                            continued && kind == null && recorded.normalisation().isPresent()
                                    ? recorded.normalisation().get()
                                    : measured(source.train(), threads, skipsBroken);
                };
        return source.normalised(chosen.inChannels(source.train().channels()));
    }

    private static Normalisation ofWeights(ImageMetadata recorded) {
        return recorded.normalisation()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "--normalisation weights: no weights record a normalisation"
                                                + " here; use imagenet or measured, or --weights"
                                                + " with a file of densenet4j"));
    }

    private static Normalisation measured(Dataset train, int threads, boolean skipsBroken)
            throws IOException {
        try {
            Normalisation measured =
                    PixelStatistics.of(
                                    train,
                                    threads,
                                    skipsBroken
                                            ? line -> System.err.println(OneLine.of(line))
                                            : null)
                            .normalisation();
            System.out.println("measured pixels: " + measured);
            return measured;
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /**
     * Where pixels are classified, values stay as they are; where objects are found, ImageNet's.
     */
    void checkUnused() {
        if (kind != null) {
            throw new IllegalArgumentException(
                    "--normalisation is for networks that classify images; leave it out");
        }
    }

    Map<String, String> settings() {
        return Map.of(NAME, kind().name().toLowerCase(Locale.ROOT));
    }

    /** Takes back what {@link #settings} told. */
    void restore(RememberedSettings settings) {
        settings.text(
                NAME,
                saved -> {
                    for (Kind value : Kind.values()) {
                        if (value.name().equalsIgnoreCase(saved)) {
                            remembered = value;
                            return;
                        }
                    }
                    throw new IllegalArgumentException(
                            NAME
                                    + " = "
                                    + saved
                                    + ": use measured, imagenet or another of its names");
                });
    }
}
