package org.densenet4j.io;

import java.io.IOException;
import java.nio.file.Path;

/** A file is not valid safetensors; the message names the file and what is wrong, in one line. */
public final class SafetensorsException extends IOException {
    SafetensorsException(Path path, String problem) {
        super(path + ": " + problem);
    }
}
