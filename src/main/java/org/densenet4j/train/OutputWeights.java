package org.densenet4j.train;

import org.densenet4j.data.Dataset;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Weights of classes or labels as settings spell them: numbers in order, or by the images. */
final class OutputWeights {
    /** By how often each occurs among the training images. */
    static final String BALANCED = "balanced";

    private OutputWeights() {}

    /**
     * Looks at the text.
     *
     * @throws IllegalArgumentException in one line when it is neither
     */
    static void check(String key, String text) {
        if (!text.equals(BALANCED)) {
            parse(key, text);
        }
    }

    /** The numbers. */
    static List<Double> parse(String key, String text) {
        List<Double> weights = new ArrayList<>();
        if (text.isBlank()) {
            return weights;
        }
        for (String part : text.split(",", -1)) {
            try {
                weights.add(Double.valueOf(part.strip()));
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException(
                        key
                                + " = "
                                + text
                                + ": use a number above 0 for each, separated by commas, or "
                                + BALANCED,
                        e);
            }
            double weight = weights.getLast();
            if (!(weight > 0 && Float.isFinite((float) weight))) {
                throw new IllegalArgumentException(
                        key + " = " + text + ": " + part.strip() + " is not above 0");
            }
        }
        return weights;
    }

    private static String text(List<Double> weights) {
        return weights.stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    /**
     * Weights by which all classes have the same part in the loss: images/(classes · images of the
     * class), as scikit-learn's {@code balanced}.
     *
     * @throws IllegalArgumentException in one line when a class has no image
     */
    static String balancedClasses(Dataset images) {
        long[] counts = new long[images.classes()];
        for (int i = 0; i < images.size(); i++) {
            counts[images.label(i)]++;
        }
        List<Double> weights = new ArrayList<>();
        for (int c = 0; c < counts.length; c++) {
            require(counts[c], images.classNames().get(c), "training image");
            weights.add((double) images.size() / (counts.length * counts[c]));
        }
        return text(weights);
    }

    /**
     * Weights by which images that have a label have the same part in its loss as those that have
     * it not: without/with, as PyTorch's documentation of {@code pos_weight} has it. A label that
     * is not known of any image, such as one that only a network's first data had, weighs 1.
     *
     * @throws IllegalArgumentException in one line when a label has images of one kind alone
     */
    static String balancedLabels(Dataset images) {
        long[][] counts = new long[2][images.classes()];
        for (int i = 0; i < images.size(); i++) {
            float[] targets = images.targets(i);
            for (int c = 0; c < targets.length; c++) {
                if (!Float.isNaN(targets[c])) {
                    counts[targets[c] > 0.5 ? 1 : 0][c]++;
                }
            }
        }
        List<Double> weights = new ArrayList<>();
        for (int c = 0; c < images.classes(); c++) {
            String name = images.classNames().get(c);
            boolean known = counts[0][c] + counts[1][c] > 0;
            if (known) {
                require(counts[1][c], name, "training image with the label");
                require(counts[0][c], name, "training image without the label");
            }
            weights.add(known ? (double) counts[0][c] / counts[1][c] : 1);
        }
        return text(weights);
    }

    private static void require(long count, String name, String what) {
        if (count == 0) {
            throw new IllegalArgumentException(
                    "there is no " + what + " '" + name + "', so that it has no balanced weight");
        }
    }
}
