package org.densenet4j.detection;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Of boxes that overlap each other the one with the highest score stays. Equal scores keep their
 * order.
 */
public final class NonMaximumSuppression {
    private NonMaximumSuppression() {}

    /**
     * {@return those that stay, highest score first} Classes are not looked at: use it for each.
     *
     * @param found in any order
     * @param overlap most intersection over union of two that stay, 0 to 1
     */
    public static List<Detection> of(List<Detection> found, double overlap) {
        requireNonNull(found, "found");
        if (!(overlap >= 0 && overlap <= 1)) {
            throw new IllegalArgumentException(
                    "overlap = " + overlap + ": use a number from 0 to 1");
        }
        List<Detection> kept = new ArrayList<>();
        for (Detection next : highestFirst(found)) {
            if (kept.stream().allMatch(one -> one.box().iou(next.box()) <= overlap)) {
                kept.add(next);
            }
        }
        return kept;
    }

    static List<Detection> highestFirst(List<Detection> found) {
        return found.stream()
                .sorted(Comparator.comparingDouble(Detection::score).reversed())
                .toList();
    }
}
