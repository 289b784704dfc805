package org.densenet4j.io.caffe;

import java.io.IOException;
import java.nio.file.Path;

/** A file is not one of Caffe that can be read; the message names it and the reason in one line. */
public final class CaffeException extends IOException {
    /** Of a file, with what is wrong and, where there is one, the fix. */
    public CaffeException(Path path, String problem) {
        super(path + ": " + problem);
    }
}
