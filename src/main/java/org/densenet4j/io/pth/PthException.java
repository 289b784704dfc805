package org.densenet4j.io.pth;

import java.io.IOException;
import java.nio.file.Path;

/** A file is not a checkpoint that can be read; the message names it and the reason in one line. */
public final class PthException extends IOException {
    PthException(Path path, String problem) {
        super(path + ": " + problem);
    }
}
