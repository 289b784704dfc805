package org.densenet4j.inference;

import java.util.List;
import java.util.Objects;

/**
 * What an image shows, as the exit says that it left at.
 *
 * @param exit the last one that was computed
 * @param predictions its most probable classes, the most probable first
 */
public record EarlyPrediction(Exit exit, List<Prediction> predictions) {
    /** Keeps a copy. */
    public EarlyPrediction {
        Objects.requireNonNull(exit, "exit");
        predictions = List.copyOf(Objects.requireNonNull(predictions, "predictions"));
    }
}
