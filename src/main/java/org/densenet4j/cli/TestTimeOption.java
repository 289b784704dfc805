package org.densenet4j.cli;

import org.densenet4j.inference.TestTimeAugmentation;

import picocli.CommandLine.Option;

/** The option that looks at several views of each image. */
final class TestTimeOption {
    @Option(
            names = "--tta",
            paramLabel = "NAME",
            defaultValue = "NONE",
            description =
                    "average the logits of several views of each image: FLIP (as it is and"
                            + " mirrored), FIVE (the corners and the middle), TEN (these, also"
                            + " mirrored) or NONE (default: ${DEFAULT-VALUE})")
    private TestTimeAugmentation views;

    /** For picocli. */
    TestTimeOption() {}

    TestTimeAugmentation views() {
        return views;
    }

    /** Refuses several views of images without classes: of pixels, or of numbers. */
    void requireNone() {
        if (views != TestTimeAugmentation.NONE) {
            throw new IllegalArgumentException(
                    "--tta is for networks that classify images; leave it out");
        }
    }

    /** Refuses several views of images that are evaluated by vectors of targets. */
    void requireNoneOfVectors() {
        if (views != TestTimeAugmentation.NONE) {
            throw new IllegalArgumentException(
                    "evaluate --tta is for images of one class each; leave it out");
        }
    }
}
