package org.densenet4j.parity;

import org.densenet4j.reference.Kink;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/**
 * The ReLU inputs of a training pass that are within rounding of zero, and values between which a
 * max-pool chooses that are within rounding of each other. There a gradient in single precision may
 * go either way.
 *
 * @param all of them, the nearest first
 * @param smallestInput the smallest |input| of any ReLU
 */
public record Kinks(List<Kink> all, double smallestInput) {
    private static final int LAYERS_NAMED = 5;

    /** Keeps a copy. */
    public Kinks {
        all = List.copyOf(all);
    }

    /**
     * Finds them.
     *
     * @param margins in double precision, by layer
     * @param rounded the same with every result rounded; a layer's rounding is its largest change
     */
    static Kinks of(Map<String, double[]> margins, Map<String, double[]> rounded) {
        List<Kink> kinks = new ArrayList<>();
        double smallest = Double.POSITIVE_INFINITY;
        for (Map.Entry<String, double[]> layer : margins.entrySet()) {
            double[] exact = layer.getValue();
            double rounding = largestChange(exact, rounded.get(layer.getKey()));
            for (int i = 0; i < exact.length; i++) {
                Kink kink = new Kink(layer.getKey(), i, exact[i]);
                if (Math.abs(exact[i]) <= rounding) {
                    kinks.add(kink);
                }
                if (!kink.isPool()) {
                    smallest = Math.min(smallest, Math.abs(exact[i]));
                }
            }
        }
        kinks.sort(Comparator.comparingDouble(k -> Math.abs(k.margin())));
        return new Kinks(kinks, smallest);
    }

    private static double largestChange(double[] exact, double[] rounded) {
        double largest = 0;
        for (int i = 0; i < exact.length; i++) {
            if (Double.isFinite(exact[i]) && Double.isFinite(rounded[i])) {
                largest = Math.max(largest, Math.abs(exact[i] - rounded[i]));
            }
        }
        return largest;
    }

    /** How many there are, in which layers, and the smallest input of all. */
    @Override
    public String toString() {
        String nearest =
                String.format(Locale.ROOT, "the smallest input of a ReLU is %.1e", smallestInput);
        if (all.isEmpty()) {
            return "no ReLU input is within rounding of zero; " + nearest;
        }
        Map<String, Integer> layers = new LinkedHashMap<>();
        all.forEach(k -> layers.merge(k.layer(), 1, Integer::sum));
        StringJoiner text = new StringJoiner(", ");
        layers.entrySet().stream()
                .limit(LAYERS_NAMED)
                .forEach(e -> text.add(e.getValue() + " in " + e.getKey()));
        if (layers.size() > LAYERS_NAMED) {
            text.add((layers.size() - LAYERS_NAMED) + " more layers");
        }
        int ties = (int) all.stream().filter(Kink::isPool).count();
        return count(all.size() - ties, "ReLU input")
                + " within rounding of zero"
                + (ties > 0 ? ", " + count(ties, "tie") + " of the max-pool" : "")
                + ": "
                + text
                + "; "
                + nearest;
    }

    /** {@code 1 kink}, {@code 2 kinks}. */
    static String count(int n, String thing) {
        return n + " " + thing + (n == 1 ? "" : "s");
    }
}
