package org.densenet4j.cli;

import org.densenet4j.data.Interpolation;
import org.densenet4j.data.Resizing;

import picocli.CommandLine.Option;

/** Options that say how images become a network's input, where weights do not record it. */
final class ResizingOption {
    @Option(
            names = "--interpolation",
            paramLabel = "NAME",
            description =
                    "how images are resized: BILINEAR or BICUBIC (default: as recorded, else"
                            + " BILINEAR)")
    private Interpolation interpolation;

    @Option(
            names = "--crop-share",
            paramLabel = "S",
            description =
                    "the input's size as a share of the size before the middle is cut out (default:"
                            + " as recorded, else 0.875)")
    private Double cropShare;

    /** For picocli. */
    ResizingOption() {}

    boolean isGiven() {
        return interpolation != null || cropShare != null;
    }

    Resizing or(Resizing recorded) {
        return new Resizing(
                interpolation != null ? interpolation : recorded.interpolation(),
                cropShare != null ? cropShare : recorded.cropShare());
    }
}
