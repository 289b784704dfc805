package org.densenet4j.cli;

import org.densenet4j.data.Dataset;
import org.densenet4j.data.StratifiedSplit;

import picocli.CommandLine.Option;

import java.util.LinkedHashMap;
import java.util.Map;

/** Training images that training leaves to the thresholds of exits. */
final class ThresholdShareOption {
    private static final String NAME = "threshold-share";
    private static final long SEED = 1;

    @Option(
            names = "--" + NAME,
            paramLabel = "S",
            description =
                    "leave this share of each class of the training images out of training, such as"
                            + " 0.1, the same images every time: evaluate --budget finds the"
                            + " thresholds of exits with them (default: 0, or that of the run whose"
                            + " weights are evaluated)")
    private Double share;

    private double remembered;

    /** For picocli. */
    ThresholdShareOption() {}

    private double share() {
        return share != null ? share : remembered;
    }

    /**
     * Before anything is opened.
     *
     * @throws IllegalArgumentException in one line
     */
    void check() {
        if (!(share() >= 0 && share() < 1)) {
            throw new IllegalArgumentException(
                    "--" + NAME + " " + share() + ": use a number between 0 and 1, such as 0.1");
        }
    }

    /** What is left to train on. */
    Dataset training(Dataset all) {
        return share() == 0 ? all : StratifiedSplit.of(all, share(), SEED).train();
    }

    /**
     * What thresholds are found with.
     *
     * @throws IllegalArgumentException when training was left all images
     */
    Dataset ofThresholds(Dataset all) {
        if (share() == 0) {
            throw new IllegalArgumentException(
                    "--budget finds thresholds with training images that the network was not"
                            + " trained on: say which share training left out, with --"
                            + NAME
                            + ", such as 0.1");
        }
        return StratifiedSplit.of(all, share(), SEED).heldOut();
    }

    Map<String, String> settings() {
        return Map.of(NAME, String.valueOf(share()));
    }

    /** Takes back what {@link #settings} told. */
    void restore(RememberedSettings settings) {
        settings.number(NAME, Double::parseDouble, saved -> remembered = saved);
    }

    /** What the run of weights left out, where no option says so. */
    void follow(Map<String, String> notesOfRun) {
        restore(new RememberedSettings(new LinkedHashMap<>(notesOfRun), _ -> share != null));
    }
}
