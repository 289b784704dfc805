package org.densenet4j.cli;

import org.densenet4j.data.Augmentation;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Glyphs;
import org.densenet4j.data.Normalisation;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;

/** Options that choose the data. */
final class DataOption {
    private static final Path GLYPHS = Path.of("runs", "glyphs");
    private static final int GLYPHS_TEST = 1_000;

    @Option(
            names = "--data",
            paramLabel = "SOURCE",
            defaultValue = "glyphs",
            description =
                    "glyphs (generated), cifar10:DIR or cifar100:DIR with the original binary files"
                            + " (default: ${DEFAULT-VALUE})")
    private String data;

    @Option(
            names = "--glyphs",
            paramLabel = "N",
            defaultValue = "6000",
            description = "generated training images (default: ${DEFAULT-VALUE})")
    private int glyphs;

    @Option(names = "--no-augment", description = "train on the images as they are")
    private boolean noAugment;

    /** For picocli. */
    DataOption() {}

    /**
     * Images to train on, images to test on, and how both are prepared.
     *
     * @param augmentation of training images
     * @param normalisation of all images
     */
    record Source(
            Dataset train, Dataset test, Augmentation augmentation, Normalisation normalisation) {}

    Source open() throws IOException {
        if (data.equals("glyphs")) {
            Glyphs.generate(GLYPHS, glyphs, GLYPHS_TEST, 1);
            Cifar set = Cifar.cifar10(GLYPHS);
            return source(set, Augmentation.SHIFT, Normalisation.of(set.train()));
        }
        if (data.startsWith("cifar10:")) {
            Cifar set = Cifar.cifar10(Path.of(data.substring("cifar10:".length())));
            return source(set, Augmentation.CIFAR, Normalisation.CIFAR10);
        }
        if (data.startsWith("cifar100:")) {
            Cifar set = Cifar.cifar100(Path.of(data.substring("cifar100:".length())));
            return source(set, Augmentation.CIFAR, Normalisation.CIFAR100);
        }
        throw new IllegalArgumentException(
                "no data source '" + data + "'; use glyphs, cifar10:DIR or cifar100:DIR");
    }

    private Source source(Cifar set, Augmentation augmentation, Normalisation normalisation) {
        return new Source(
                set.train(),
                set.test(),
                noAugment ? Augmentation.NONE : augmentation,
                normalisation);
    }
}
