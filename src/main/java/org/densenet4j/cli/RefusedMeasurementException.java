package org.densenet4j.cli;

import java.io.IOException;

/** A measuring process did not begin: this machine or this build cannot do what was asked. */
final class RefusedMeasurementException extends IOException {
    private static final String PREFIX = "error: ";

    private final String reason;

    RefusedMeasurementException(String what, String lastLine) {
        super("measuring " + what + " failed: " + lastLine);
        this.reason = lastLine.startsWith(PREFIX) ? lastLine.substring(PREFIX.length()) : lastLine;
    }

    /** What the process said. */
    String reason() {
        return reason;
    }
}
