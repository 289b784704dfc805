package org.densenet4j.data;

import org.densenet4j.io.OneLine;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/** An image's file with the boxes that another file says are in it. */
final class AnnotatedFile {
    private AnnotatedFile() {}

    /** A name in a folder, where it is one that files can have. */
    static Path named(String annotations, Path folder, String name) throws DataException {
        try {
            return folder.resolve(name);
        } catch (InvalidPathException e) {
            throw new DataException(
                    annotations
                            + ": '"
                            + OneLine.shortened(name)
                            + "' cannot be the name of an image's file",
                    e);
        }
    }

    /**
     * Decodes and uses it.
     *
     * @param annotations names the other file in messages
     * @param width that the other file says
     * @param height that the other file says
     */
    static <T> T read(
            Path file,
            DecodeOptions decoding,
            String annotations,
            int width,
            int height,
            List<LabelledBox> objects,
            Function<AnnotatedImage, T> use) {
        try {
            return ImageFile.read(
                    file,
                    decoding,
                    image -> {
                        try {
                            BoxFile.checkSize(file.toString(), image, annotations, width, height);
                        } catch (DataException e) {
                            throw new UncheckedIOException(e.getMessage(), e);
                        }
                        return use.apply(new AnnotatedImage(image, objects));
                    });
        } catch (IOException e) {
            throw FolderGoneException.unchecked(file, e);
        }
    }
}
