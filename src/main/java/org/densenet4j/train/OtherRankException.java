package org.densenet4j.train;

import java.io.IOException;
import java.io.Serial;

/**
 * Another process of the job has failed, so that this one cannot go on. That one says why; this one
 * has nothing to add.
 */
public final class OtherRankException extends IOException {
    @Serial private static final long serialVersionUID = 1;

    OtherRankException() {
        super("another rank has failed, and says why");
    }
}
