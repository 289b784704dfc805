package org.densenet4j.data;

import java.io.IOException;

/** Data is missing or broken; the message says which file and what to do, in one line. */
public final class DataException extends IOException {
    DataException(String message) {
        super(message);
    }

    DataException(String message, Throwable cause) {
        super(message, cause);
    }
}
