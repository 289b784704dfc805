package org.densenet4j.cli;

import org.densenet4j.data.ImageMetadata;

import picocli.CommandLine.Option;

/** Whether images are turned upright: as it is asked for, else as the weights record it. */
final class ExifOrientationOption {
    static final String NAME = "exif-orientation";

    @Option(
            names = "--" + NAME,
            negatable = true,
            description =
                    "turn images of files upright as their Exif data says, or leave them as they"
                            + " are stored (default: as the weights record it, else as they are"
                            + " stored, as torchvision and timm do)")
    private Boolean given;

    /** For picocli. */
    ExifOrientationOption() {}

    /**
     * The option or, where it was not given, what is recorded.
     *
     * @param recorded of the weights
     */
    boolean or(ImageMetadata recorded) {
        return given == null ? recorded.exifOrientation() : given;
    }

    /** Takes what was asked for earlier. */
    void set(boolean on) {
        given = on;
    }
}
