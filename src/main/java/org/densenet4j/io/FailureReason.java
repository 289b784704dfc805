package org.densenet4j.io;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Objects;

/**
 * Why a file could not be read or written, in words: the JDK's exceptions often say the path alone.
 */
public final class FailureReason {
    private FailureReason() {}

    /**
     * {@return the reason without the path, for the end of a line that names it}
     *
     * @param e as the JDK threw it
     */
    public static String of(IOException e) {
        Objects.requireNonNull(e, "e");
        return switch (e) {
            case NoSuchFileException missing -> "no such file or folder";
            case AccessDeniedException denied -> "permission denied";
            case FileAlreadyExistsException there -> "a file of this name exists";
            case NotDirectoryException file -> "it is not a folder";
            case DirectoryNotEmptyException full -> "the folder is not empty";
            case FileSystemLoopException loop -> "links lead around in a circle";
            case FileSystemException other when other.getReason() != null -> other.getReason();
            default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        };
    }
}
