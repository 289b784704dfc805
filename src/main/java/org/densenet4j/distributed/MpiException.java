package org.densenet4j.distributed;

import java.io.Serial;

/** MPI cannot be used, or failed; the message is one line with the reason and the fix. */
public final class MpiException extends RuntimeException {
    @Serial private static final long serialVersionUID = 1;

    MpiException(String message) {
        super(message);
    }

    MpiException(String message, Throwable cause) {
        super(message, cause);
    }
}
