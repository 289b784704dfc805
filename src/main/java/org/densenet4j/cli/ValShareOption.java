package org.densenet4j.cli;

import org.densenet4j.data.Dataset;
import org.densenet4j.data.ImageFolder;
import org.densenet4j.data.StratifiedSplit;
import org.densenet4j.io.OneLine;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntFunction;

/** Options that hold images out of a folder that has none to validate with. */
final class ValShareOption {
    private static final String SHARE = "val-share";
    private static final String SEED = "val-seed";
    private static final long USUAL_SEED = 1;

    @Option(
            names = "--" + SHARE,
            paramLabel = "S",
            description =
                    "where a folder or archives of images have none to validate with: hold this share of each"
                            + " class out, such as 0.1, the same images every time; 0: none"
                            + " (default: 0, or that of the run whose weights are evaluated)")
    private Double share;

    @Option(
            names = "--" + SEED,
            paramLabel = "N",
            description =
                    "with --val-share: another number holds out other images (default: "
                            + USUAL_SEED
                            + ")")
    private Long seed;

    private double rememberedShare;
    private long rememberedSeed = USUAL_SEED;

    /** For picocli. */
    ValShareOption() {}

    private double share() {
        return share != null ? share : rememberedShare;
    }

    /** Whether images are to be held out. */
    boolean isOn() {
        return share() != 0;
    }

    /**
     * Before anything is opened.
     *
     * @param folders whether the data is a folder of images
     * @throws IllegalArgumentException in one line
     */
    void check(boolean folders) {
        if (!(share() >= 0 && share() < 1)) {
            throw new IllegalArgumentException(
                    "--val-share " + share() + ": use a number between 0 and 1, such as 0.1");
        }
        if (share != null && share != 0 && !folders) {
            throw new IllegalArgumentException(
                    "--val-share is for --data folder:DIR or tar:GLOB without --labels, which has"
                            + " --hold-out; other data has its test images");
        }
        if (seed != null && !isOn()) {
            throw new IllegalArgumentException("--val-seed needs --val-share, such as 0.1");
        }
    }

    /**
     * Splits a folder by the names of its files.
     *
     * @param root the folder of the classes
     */
    StratifiedSplit split(Path root, ImageFolder images) throws IOException {
        return split(root, images, index -> root.relativize(images.file(index)).toString());
    }

    /**
     * Splits images by their names.
     *
     * @param source where they are, for messages
     */
    StratifiedSplit split(Path source, Dataset images, IntFunction<String> name)
            throws IOException {
        try {
            return StratifiedSplit.of(images, name, share(), seed != null ? seed : rememberedSeed);
        } catch (IllegalArgumentException e) {
            throw new IOException(OneLine.of(source.toString()) + ": " + e.getMessage(), e);
        }
    }

    Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put(SHARE, String.valueOf(share()));
        settings.put(SEED, String.valueOf(seed != null ? seed : rememberedSeed));
        return settings;
    }

    /** Takes back what {@link #settings} told. */
    void restore(RememberedSettings settings) {
        settings.number(SHARE, Double::parseDouble, saved -> rememberedShare = saved);
        settings.number(SEED, Long::parseLong, saved -> rememberedSeed = saved);
    }

    /** What the run of weights held out, where no option says so. */
    void follow(Map<String, String> notesOfRun) {
        restore(
                new RememberedSettings(
                        new LinkedHashMap<>(notesOfRun),
                        option ->
                                option.equals("--" + SHARE)
                                        ? share != null
                                        : seed != null || share != null));
    }
}
