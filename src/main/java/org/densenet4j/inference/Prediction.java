package org.densenet4j.inference;

import java.util.ArrayList;
import java.util.List;

/**
 * A class that an image may show.
 *
 * @param index of the class
 * @param name of the class
 * @param probability softmax of the logits, or the sigmoid of the class's own; see {@link
 *     Predictor.Builder#activation}
 */
public record Prediction(int index, String name, double probability) {
    /** The {@code k} most probable classes, the most probable first; ties by index. */
    static List<Prediction> top(int k, float[] probabilities, int at, List<String> names) {
        List<Prediction> all = new ArrayList<>();
        for (int c = 0; c < names.size(); c++) {
            all.add(new Prediction(c, names.get(c), probabilities[at + c]));
        }
        all.sort((a, b) -> Double.compare(b.probability, a.probability));
        return List.copyOf(all.subList(0, Math.min(k, all.size())));
    }
}
