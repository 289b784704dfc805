package org.densenet4j.data;

import org.densenet4j.io.OneLine;

import java.io.IOException;
import java.nio.file.Path;

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
}
