package org.densenet4j.cli;

import org.densenet4j.data.DecodeOptions;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.SegmentationClasses;
import org.densenet4j.data.SegmentationFolder;
import org.densenet4j.data.SegmentationFolder.Subset;
import org.densenet4j.data.Shapes;
import org.densenet4j.io.OneLine;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Options of data that has a label for each pixel, beside those of {@link DataOption}. */
final class SegmentationDataOption {
    /** Where generated images are. */
    private static final Path SHAPES = Path.of("runs", "shapes");

    private static final int SHAPES_TRAIN = 1_000;
    private static final int SHAPES_HELD_OUT = 200;
    private static final int SHAPES_SIDE = 64;
    private static final String NONE = "none";
    private static final String DEFAULT = "default";

    @Option(
            names = "--class-colours",
            paramLabel = "FILE",
            description =
                    "of folder:DIR with label images: names and colours of the classes, as lines of"
                            + " name,r,g,b or r g b name, or JSON")
    private Path classColours;

    @Option(
            names = "--void-label",
            paramLabel = "N",
            description =
                    "index of pixels without a class in label images of indices (default: 255, or"
                            + " that of void in --class-colours, 11 for CamVid)")
    private Integer voidLabel;

    @Option(
            names = "--shapes",
            paramLabel = "N",
            description =
                    "generated training images, with --data shapes (default: " + SHAPES_TRAIN + ")")
    private Integer shapes;

    private int rememberedShapes = SHAPES_TRAIN;

    /** For picocli. */
    SegmentationDataOption() {}

    /**
     * Opens the data.
     *
     * @param recorded what the weights that training starts from say of their images
     * @param known names of the classes where the network has them
     * @param count how many classes there are, where the user says it
     * @throws IOException in one line when the folders are not as they have to be
     * @throws IllegalArgumentException when there is no such source, or nothing tells the classes
     */
    SegmentationSource open(
            DataOption data, ImageMetadata recorded, Optional<List<String>> known, Integer count)
            throws IOException {
        check(data);
        data.follow(recorded);
        Path folder = folder(data);
        SegmentationClasses classes = classes(data, known, count);
        Set<Subset> subsets = SegmentationFolder.subsets(folder);
        boolean onlyTest = subsets.contains(Subset.TEST) && !subsets.contains(Subset.VAL);
        Subset heldOut = onlyTest ? Subset.TEST : Subset.VAL; // or its absence is explained
        if (subsets.containsAll(Set.of(Subset.values())) && !data.isGenerated()) {
            System.err.println(
                    "note: testing on val of "
                            + OneLine.of(folder.toString())
                            + "; not used: test, which evaluate is for");
        }
        SegmentationFolder train = open(data, folder, classes, Subset.TRAIN);
        SegmentationFolder test = open(data, folder, classes, heldOut);
        return new SegmentationSource(train, test);
    }

    /**
     * A part of the data to evaluate on.
     *
     * @param subset which part it is
     */
    record Test(SegmentationFolder images, Subset subset) {}

    /**
     * Opens a part of the data to evaluate on: a folder without training images will do.
     *
     * @param recorded what the weights say of their images
     * @param count how many classes the network has
     * @param wanted which part; null for the test images, or those of validation where there are
     *     none
     * @throws IOException in one line when the folders are not as they have to be
     * @throws IllegalArgumentException when there is no such source
     */
    Test openTest(DataOption data, ImageMetadata recorded, int count, Subset wanted)
            throws IOException {
        check(data);
        data.follow(recorded);
        Path folder = folder(data);
        SegmentationClasses classes = classes(data, recorded.classNames(), count);
        boolean hasTest = SegmentationFolder.subsets(folder).contains(Subset.TEST);
        Subset subset = wanted != null ? wanted : hasTest ? Subset.TEST : Subset.VAL;
        return new Test(open(data, folder, classes, subset), subset);
    }

    private static SegmentationFolder open(
            DataOption data, Path folder, SegmentationClasses classes, Subset subset)
            throws IOException {
        SegmentationFolder opened =
                SegmentationFolder.at(folder, classes)
                        .subset(subset)
                        .decoding(new DecodeOptions(data.maxPixels(), data.exifOrientation()))
                        .open();
        ImagesOption.tellLeftOut(folder, opened.leftOut());
        return opened;
    }

    private Path folder(DataOption data) throws IOException {
        if (!data.isGenerated()) {
            return data.folder();
        }
        Path folder = DataOption.ofCount(SHAPES, shapes(), SHAPES_TRAIN);
        Shapes.generate(
                folder,
                new Shapes.Counts(shapes(), SHAPES_HELD_OUT, SHAPES_HELD_OUT),
                SHAPES_SIDE,
                1);
        return folder;
    }

    private int shapes() {
        return shapes != null ? shapes : rememberedShapes;
    }

    private SegmentationClasses classes(
            DataOption data, Optional<List<String>> known, Integer count) throws IOException {
        SegmentationClasses classes = table(data).orElse(null);
        if (classes == null && known.isPresent()) {
            classes = SegmentationClasses.of(known.get());
        }
        if (classes == null && count != null) {
            classes = SegmentationClasses.numbered(count);
        }
        if (classes == null) {
            throw new IllegalArgumentException(
                    "how many classes "
                            + data.text()
                            + " has is not known; give --class-colours FILE with their names and"
                            + " colours, or --classes N where label images hold indices");
        }
        return voidLabel == null ? classes : classes.withVoidLabel(voidLabel);
    }

    private Optional<SegmentationClasses> table(DataOption data) throws IOException {
        if (data.isGenerated()) {
            return Optional.of(Shapes.shapeClasses());
        }
        if (data.isCamvid()) {
            return Optional.of(SegmentationClasses.camvid());
        }
        return classColours == null
                ? Optional.empty()
                : Optional.of(SegmentationClasses.read(classColours));
    }

    private void check(DataOption data) {
        data.check();
        refuse("--shapes", shapes != null && !data.isGenerated(), "--data shapes", data);
        boolean named = data.isGenerated() || data.isCamvid();
        refuse("--class-colours", classColours != null && named, "--data folder:DIR", data);
        refuse("--void-label", voidLabel != null && data.isGenerated(), "folders", data);
    }

    /**
     * Before data with labels of images is opened.
     *
     * @throws IllegalArgumentException when an option is given
     */
    void checkUnused() {
        String pixels = "networks that classify pixels";
        refuse("--shapes", shapes != null, pixels);
        refuse("--class-colours", classColours != null, pixels);
        refuse("--void-label", voidLabel != null, pixels);
    }

    private static void refuse(String option, boolean given, String what, DataOption data) {
        refuse(option, given, what + ", not for " + data.text());
    }

    private static void refuse(String option, boolean given, String what) {
        if (given) {
            throw new IllegalArgumentException(option + " is for " + what + "; leave it out");
        }
    }

    /** What a run has to remember of these options; files become absolute. */
    Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put(
                "class-colours",
                classColours == null ? NONE : classColours.toAbsolutePath().normalize().toString());
        settings.put("void-label", voidLabel == null ? DEFAULT : voidLabel.toString());
        settings.put("shapes", String.valueOf(shapes()));
        return settings;
    }

    /** Takes back what {@link #settings} told. */
    void restore(RememberedSettings settings) {
        settings.text(
                "class-colours",
                saved -> classColours = saved.equals(NONE) ? null : Path.of(saved));
        settings.number(
                "void-label",
                saved -> saved.equals(DEFAULT) ? null : Integer.valueOf(saved),
                saved -> voidLabel = saved);
        settings.number("shapes", Integer::parseInt, saved -> rememberedShapes = saved);
    }
}
