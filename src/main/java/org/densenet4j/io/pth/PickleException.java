package org.densenet4j.io.pth;

import java.io.IOException;

/** A pickle is broken, or wants something that is refused. */
final class PickleException extends IOException {
    PickleException(String problem) {
        super(problem);
    }
}
