package org.densenet4j.cli;

import org.densenet4j.data.ClassMask;
import org.densenet4j.data.Image;
import org.densenet4j.detection.Detection;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.inference.DetectionPicture;
import org.densenet4j.io.OutputFolder;
import org.densenet4j.report.Json;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Where pictures are written, of the classes of pixels or with boxes, and how they look. */
final class PicturesOption {
    private static final Path FOLDER = Path.of("masks");
    private static final Path BOXES = Path.of("detections");

    /** Beside the pictures with boxes. */
    private static final String BOXES_JSON = "detections.json";

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description =
                    "folder for the masks, three PNG files of each image, of a network that"
                            + " classifies pixels (default: masks), or for the pictures with boxes"
                            + " and detections.json of one that finds objects (default:"
                            + " detections)")
    private Path out;

    @Option(
            names = "--opacity",
            paramLabel = "P",
            description =
                    "of the classes' colours over the image, 0 to 1 (default: "
                            + ClassMask.OPACITY
                            + ")")
    private Double opacity;

    @Mixin private OverwriteOption overwrite;

    /** For picocli. */
    PicturesOption() {}

    /** Writes the masks of an image, and returns their paths, of {@link ClassMask#fileNames}. */
    interface Output {
        List<Path> write(Path file, Image image, ClassMask mask) throws IOException;
    }

    /** Refuses these options where no masks are made. */
    void requireNone(NetworkSpec network) {
        if (out != null || opacity != null || overwrite.isGiven()) {
            throw new IllegalArgumentException(
                    (out != null ? "--out" : opacity != null ? "--opacity" : "--overwrite")
                            + " is for the masks of networks that classify pixels, or the boxes of"
                            + " those that find objects; '"
                            + network.name()
                            + "' classifies images, which writes no files");
        }
    }

    /** Refuses what is for masks alone. */
    void requireNoOpacity(NetworkSpec network) {
        if (opacity != null) {
            throw new IllegalArgumentException(
                    "--opacity is for the masks of networks that classify pixels; '"
                            + network.name()
                            + "' finds objects; leave it out");
        }
    }

    /** Checks the options. */
    void check() {
        if (opacity != null && !(opacity >= 0 && opacity <= 1)) {
            throw new IllegalArgumentException("--opacity " + opacity + ": use 0 to 1");
        }
    }

    /**
     * Makes the folder.
     *
     * @param inputs what the command reads, with the images
     * @param images of which masks will be made
     * @throws IOException in one line when a file there may not be replaced
     */
    Output open(List<Path> inputs, List<Path> images) throws IOException {
        Path path = out == null ? FOLDER : out;
        Map<Path, String> names = PictureNames.of(images);
        overwrite
                .rule(inputs)
                .checkFolder(
                        path,
                        names.values().stream()
                                .flatMap(name -> ClassMask.fileNames(name).stream())
                                .toList());
        OutputFolder folder = OutputFolder.make(path);
        double share = opacity == null ? ClassMask.OPACITY : opacity;
        return (file, image, mask) -> mask.write(folder, names.get(file), image, share);
    }

    /** Writes the picture of an image with boxes and returns its path; at the end, the list. */
    interface BoxesOutput {
        Path write(Path file, Image image, List<Detection> found) throws IOException;

        /** What was found in all images, in a file of its own. */
        Path finish(List<Map<String, Object>> all) throws IOException;
    }

    /**
     * Makes the folder of pictures with boxes.
     *
     * @param inputs what the command reads, with the images
     * @param images of which pictures will be made
     * @param classNames which labels index
     * @throws IOException in one line when a file there may not be replaced
     */
    BoxesOutput openBoxes(List<Path> inputs, List<Path> images, List<String> classNames)
            throws IOException {
        Path path = out == null ? BOXES : out;
        Map<Path, String> names = PictureNames.of(images);
        List<String> files = new ArrayList<>(List.of(BOXES_JSON));
        names.values().forEach(name -> files.add(boxesName(name)));
        overwrite.rule(inputs).checkFolder(path, files);
        OutputFolder folder = OutputFolder.make(path);
        return new BoxesOutput() {
            @Override
            public Path write(Path file, Image image, List<Detection> found) throws IOException {
                return folder.write(
                        boxesName(names.get(file)), DetectionPicture.png(image, found, classNames));
            }

            @Override
            public Path finish(List<Map<String, Object>> all) throws IOException {
                return folder.write(BOXES_JSON, Json.pretty(all));
            }
        };
    }

    private static String boxesName(String name) {
        return name + ".boxes.png";
    }
}
