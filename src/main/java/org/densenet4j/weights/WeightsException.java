package org.densenet4j.weights;

import java.io.IOException;
import java.nio.file.Path;

/** Weights do not fit a network; the message is one line, the report has every tensor. */
public final class WeightsException extends IOException {
    private final transient WeightReport report;

    WeightsException(Path path, String problem, WeightReport report) {
        super(path + ": " + problem);
        this.report = report;
    }

    /** {@return every tensor that does not fit} */
    public WeightReport report() {
        return report;
    }
}
