package org.densenet4j.cli;

import org.densenet4j.data.ClassMask;
import org.densenet4j.data.Image;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.io.OutputFolder;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Where masks of classes of pixels are written, and how they look. */
final class MasksOption {
    private static final Path FOLDER = Path.of("masks");

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description =
                    "folder for the masks, three PNG files of each image, of a network that"
                            + " classifies pixels (default: masks)")
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
    MasksOption() {}

    /** Writes the masks of an image, and returns their paths, of {@link ClassMask#fileNames}. */
    interface Output {
        List<Path> write(Path file, Image image, ClassMask mask) throws IOException;
    }

    /** Refuses these options where no masks are made. */
    void requireNone(NetworkSpec network) {
        if (out != null || opacity != null || overwrite.isGiven()) {
            throw new IllegalArgumentException(
                    (out != null ? "--out" : opacity != null ? "--opacity" : "--overwrite")
                            + " is for the masks of networks that classify pixels; '"
                            + network.name()
                            + "' classifies images, which writes no files");
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
}
