package org.densenet4j.cli;

import org.densenet4j.data.CocoFile;
import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.DetectionDataset;
import org.densenet4j.data.GlyphScenes;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.RelabelledDetectionDataset;
import org.densenet4j.io.OneLine;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongUnaryOperator;

/** Options of data that has boxes around objects, beside those of {@link DataOption}. */
final class DetectionDataOption {
    private static final int SCENES_TRAIN = 4_000;
    private static final int SCENES_TEST = 200;
    private static final int SCENES_SIDE = 96;

    /** Scenes that are never trained on. */
    private static final int FIRST_TEST = 1_000_000_000;

    private static final String DEFAULT = "default";

    @Option(
            names = "--train-sets",
            paramLabel = "NAMES",
            description =
                    "of voc:DIR and coco:DIR: what to train on, such as trainval, train2017 or"
                            + " VOC2007/trainval,VOC2012/trainval (default: trainval where there is"
                            + " a test set, else train)")
    private String trainSets;

    @Option(
            names = "--val-sets",
            paramLabel = "NAMES",
            description =
                    "what to test on (default: test of voc:DIR, or val where it has none; val, or"
                            + " test, of coco:DIR)")
    private String valSets;

    @Option(
            names = "--scenes",
            paramLabel = "N",
            description =
                    "generated training images, with --data scenes (default: " + SCENES_TRAIN + ")")
    private Integer scenes;

    private int rememberedScenes = SCENES_TRAIN;

    /** For picocli. */
    DetectionDataOption() {}

    /**
     * Opens the data.
     *
     * @param recorded what the weights that training starts from say of their images
     * @throws IOException in one line when the folders are not as they have to be
     * @throws IllegalArgumentException when there is no such source
     */
    DetectionSource open(DataOption data, ImageMetadata recorded) throws IOException {
        check(data);
        data.follow(recorded);
        Normalisation normalisation = recorded.normalisation().orElse(Normalisation.IMAGENET);
        if (data.isScenes()) {
            return new DetectionSource(
                    GlyphScenes.of(0, scenes(), SCENES_SIDE, 1), testScenes(), normalisation);
        }
        BoxedSets sets = sets(data);
        List<String> training = trainSets == null ? sets.training() : names(trainSets);
        List<String> heldOut = valSets == null ? sets.heldOut() : names(valSets);
        List<String> all = new ArrayList<>(training);
        all.addAll(heldOut);
        List<String> classes = sets.classNames(all);
        return new DetectionSource(
                sets.open(training, classes, decoding(data)),
                sets.open(heldOut, classes, decoding(data)),
                normalisation);
    }

    /**
     * What a detector is evaluated on.
     *
     * @param sets their names, for readers
     * @param imageId number that results name an image by
     * @param categoryId number that results name a label by
     */
    record Test(
            DetectionDataset images,
            String sets,
            LongUnaryOperator imageId,
            LongUnaryOperator categoryId) {}

    /**
     * Opens what is held out: a folder without training images will do.
     *
     * @param recorded what the weights say of their images
     * @param classNames of the network
     */
    Test openTest(DataOption data, ImageMetadata recorded, List<String> classNames)
            throws IOException {
        check(data);
        data.follow(recorded);
        if (data.isScenes()) {
            return new Test(testScenes(), "scenes", i -> i + 1, c -> c + 1);
        }
        BoxedSets sets = sets(data);
        List<String> heldOut = valSets == null ? sets.heldOut() : names(valSets);
        String text = String.join(", ", heldOut);
        if (sets instanceof BoxedSets.Coco coco && heldOut.size() == 1) {
            CocoFile file = coco.numbered(heldOut.getFirst());
            List<String> own = file.classNames();
            return new Test(
                    recorded.classNames().isPresent()
                            ? RelabelledDetectionDataset.of(
                                    file.decoding(decoding(data)), classNames)
                            : file.decoding(decoding(data)),
                    text,
                    i -> file.imageId((int) i),
                    label -> category(file, own, classNames.get((int) label), (int) label));
        }
        List<String> classes =
                recorded.classNames().isPresent() ? classNames : sets.classNames(heldOut);
        return new Test(sets.open(heldOut, classes, decoding(data)), text, i -> i + 1, c -> c + 1);
    }

    /** A class that the data does not have has no number there. */
    private static long category(CocoFile file, List<String> own, String name, int label) {
        int there = own.indexOf(name);
        return there < 0 ? -1 - label : file.categoryId(there);
    }

    private GlyphScenes testScenes() {
        return GlyphScenes.of(FIRST_TEST, SCENES_TEST, SCENES_SIDE, 1);
    }

    private static DecodeOptions decoding(DataOption data) {
        return new DecodeOptions(data.maxPixels(), data.exifOrientation());
    }

    private static BoxedSets sets(DataOption data) {
        return data.isVoc()
                ? new BoxedSets.Voc(data.boxedFolder())
                : new BoxedSets.Coco(data.boxedFolder());
    }

    private static List<String> names(String given) {
        List<String> names =
                Arrays.stream(given.split(","))
                        .map(String::strip)
                        .filter(n -> !n.isEmpty())
                        .toList();
        if (names.isEmpty()) {
            throw new IllegalArgumentException(
                    "--train-sets and --val-sets: name one set or several, such as train,val");
        }
        return names;
    }

    private int scenes() {
        return scenes != null ? scenes : rememberedScenes;
    }

    private void check(DataOption data) {
        data.check();
        boolean files = !data.isScenes();
        refuse("--scenes", scenes != null && files, "--data scenes, not for " + data.text());
        String of = "--data voc:DIR or coco:DIR, not for " + data.text();
        refuse("--train-sets", trainSets != null && !files, of);
        refuse("--val-sets", valSets != null && !files, of);
        if (scenes != null && (scenes < 1 || scenes > FIRST_TEST)) {
            throw new IllegalArgumentException("--scenes " + scenes + ": use 1 to " + FIRST_TEST);
        }
    }

    /**
     * Before data without boxes is opened.
     *
     * @throws IllegalArgumentException when an option is given
     */
    void checkUnused() {
        String boxes = "networks that find objects";
        refuse("--scenes", scenes != null, boxes);
        refuse("--train-sets", trainSets != null, boxes);
        refuse("--val-sets", valSets != null, boxes);
    }

    private static void refuse(String option, boolean given, String what) {
        if (given) {
            throw new IllegalArgumentException(option + " is for " + what + "; leave it out");
        }
    }

    /** What a run has to remember of these options. */
    Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("train-sets", trainSets == null ? DEFAULT : OneLine.of(trainSets));
        settings.put("val-sets", valSets == null ? DEFAULT : OneLine.of(valSets));
        settings.put("scenes", String.valueOf(scenes()));
        return settings;
    }

    /** Takes back what {@link #settings} told. */
    void restore(RememberedSettings settings) {
        settings.text("train-sets", saved -> trainSets = saved.equals(DEFAULT) ? null : saved);
        settings.text("val-sets", saved -> valSets = saved.equals(DEFAULT) ? null : saved);
        settings.number("scenes", Integer::parseInt, saved -> rememberedScenes = saved);
    }
}
