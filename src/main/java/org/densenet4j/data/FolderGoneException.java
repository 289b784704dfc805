package org.densenet4j.data;

import org.densenet4j.io.OneLine;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * A folder of images is no longer there, as when a share was unmounted. Nothing is wrong with the
 * images: they are never skipped as broken ones are.
 */
final class FolderGoneException extends IOException {
    FolderGoneException(Path folder, Throwable cause) {
        super(
                OneLine.of(
                        folder
                                + ": its images are gone since it was opened; mount or move it back"
                                + " and continue"),
                cause);
    }

    /** What a data set throws for an image that cannot be read, or whose folder is gone. */
    static UncheckedIOException unchecked(Path image, IOException e) {
        Path folder = image.getParent();
        if (isGone(folder)) {
            FolderGoneException gone = new FolderGoneException(folder, e);
            return new UncheckedIOException(gone.getMessage(), gone);
        }
        return new UncheckedIOException(e.getMessage(), e);
    }

    /** Where a share was mounted an empty folder may be left. */
    private static boolean isGone(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.findAny().isEmpty();
        } catch (IOException | UncheckedIOException e) {
            return !Files.exists(folder);
        }
    }
}
