package org.densenet4j.cli;

import org.densenet4j.graph.NetworkSpec;

import picocli.CommandLine.Option;

/** How many images a step has. */
final class BatchOption {
    private static final int IMAGES = 64;

    /** As FC-DenseNet's authors train: an image whose pixels are classified is many samples. */
    private static final int IMAGES_OF_PIXELS = 3;

    @Option(
            names = "--batch",
            paramLabel = "N",
            description =
                    "images per step (default: "
                            + IMAGES
                            + ", or "
                            + IMAGES_OF_PIXELS
                            + " for networks that classify pixels)")
    private Integer batch;

    /** For picocli. */
    BatchOption() {}

    /** Images of a step of this network. */
    int of(NetworkSpec spec) {
        return batch != null ? batch : spec.graph().classifiesPixels() ? IMAGES_OF_PIXELS : IMAGES;
    }
}
