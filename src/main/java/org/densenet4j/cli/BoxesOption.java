package org.densenet4j.cli;

import org.densenet4j.detection.DetectionOutput;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.inference.Detector;

import picocli.CommandLine.Option;

/** Which of the boxes that a network finds are told. */
final class BoxesOption {
    @Option(
            names = "--score",
            paramLabel = "P",
            description =
                    "least probability of the boxes of a network that finds objects (default: "
                            + Detector.LEAST_SCORE
                            + ")")
    private Double score;

    @Option(
            names = "--overlap",
            paramLabel = "P",
            description =
                    "most intersection over union of two boxes of one class, of which the less"
                            + " probable one is left out (default: 0.45)")
    private Double overlap;

    /** For picocli. */
    BoxesOption() {}

    /**
     * What the options come to.
     *
     * @throws IllegalArgumentException in one line when one is out of its range
     */
    DetectionOutput output() {
        if (score != null && !(score >= 0 && score < 1)) {
            throw new IllegalArgumentException("--score " + score + ": use 0 to below 1");
        }
        if (overlap != null && !(overlap >= 0 && overlap <= 1)) {
            throw new IllegalArgumentException("--overlap " + overlap + ": use 0 to 1");
        }
        DetectionOutput output =
                DetectionOutput.PUBLISHED.withLeastScore(
                        score == null ? Detector.LEAST_SCORE : score);
        return overlap == null ? output : output.withOverlap(overlap);
    }

    /** Refuses these options where no objects are found. */
    void requireNone(NetworkSpec network) {
        if (score != null || overlap != null) {
            throw new IllegalArgumentException(
                    (score != null ? "--score" : "--overlap")
                            + " is for networks that find objects; '"
                            + network.name()
                            + "' classifies; leave it out");
        }
    }
}
