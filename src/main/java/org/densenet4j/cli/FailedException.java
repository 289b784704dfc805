package org.densenet4j.cli;

import java.io.IOException;

/** The input was right but the work failed: exit code 1. */
final class FailedException extends IOException {
    FailedException(String message, Throwable cause) {
        super(message, cause);
    }
}
