package org.densenet4j.data;

import org.densenet4j.io.OneLine;
import org.jspecify.annotations.Nullable;

import java.io.IOException;

/** Data is missing or broken; the message says which file and what to do, in one line. */
public final class DataException extends IOException {
    DataException(String message) {
        super(OneLine.of(message));
    }

    DataException(String message, @Nullable Throwable cause) {
        super(OneLine.of(message), cause);
    }
}
