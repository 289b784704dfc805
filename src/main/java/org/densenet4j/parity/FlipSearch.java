package org.densenet4j.parity;

import org.densenet4j.reference.Kink;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the kinks at which gradients went the other way: the set whose flips, each computed in
 * double precision, come closest to the difference. Whether that explains it is for the caller to
 * see.
 */
final class FlipSearch {
    private static final int MOST_KINKS = 64;
    private static final long MOST_VALUES = 1 << 24;

    /** Differences of this share of a gradient's norm are rounding in any case. */
    private static final double ROUNDING = 1e-6;

    private FlipSearch() {}

    /**
     * @param reference after a pass; its gradients are along the ReLUs of double precision when
     *     this returns
     * @param ours gradients of single precision by name
     * @return the kinks that went the other way; empty when that comes closest
     */
    static List<Kink> search(DoublePrecision reference, Map<String, double[]> ours) {
        reference.backward(List.of());
        Map<String, double[]> exact = reference.gradients();
        Map<String, double[]> rounded = reference.roundedGradients();
        exact.keySet().retainAll(ours.keySet());
        long values = exact.values().stream().mapToLong(g -> g.length).sum();
        List<Kink> kinks = reference.kinks().all();
        kinks = kinks.subList(0, (int) Math.min(kinks.size(), Math.min(MOST_KINKS, MOST_VALUES / values)));

        Map<String, Double> weights = new LinkedHashMap<>();
        exact.forEach(
                (name, g) -> {
                    double noise = Math.max(ROUNDING, Difference.relative(rounded.get(name), g));
                    double scale = 1 / (noise * Difference.norm(g));
                    weights.put(name, scale * scale);
                });
        List<Map<String, double[]>> jumps = new ArrayList<>();
        for (Kink kink : kinks) {
            Map<String, double[]> jump = reference.gradientsWith(List.of(kink));
            jump.keySet().retainAll(exact.keySet());
            jump.forEach((name, g) -> subtract(g, exact.get(name)));
            jumps.add(jump);
        }
        reference.backward(List.of());
        Map<String, double[]> wanted = new LinkedHashMap<>();
        exact.forEach(
                (name, g) -> {
                    double[] d = ours.get(name).clone();
                    subtract(d, g);
                    wanted.put(name, d);
                });
        boolean[] flipped = closest(jumps, wanted, weights);
        List<Kink> result = new ArrayList<>();
        for (int i = 0; i < flipped.length; i++) {
            if (flipped[i]) {
                result.add(kinks.get(i));
            }
        }
        return result;
    }

    /** Flips one at a time, the best first, as long as the difference shrinks. */
    private static boolean[] closest(
            List<Map<String, double[]>> jumps,
            Map<String, double[]> wanted,
            Map<String, Double> weights) {
        int n = jumps.size();
        double[][] products = new double[n][n];
        double[] slope = new double[n];
        for (int i = 0; i < n; i++) {
            slope[i] = product(jumps.get(i), wanted, weights);
            for (int j = 0; j <= i; j++) {
                products[i][j] = product(jumps.get(i), jumps.get(j), weights);
                products[j][i] = products[i][j];
            }
        }
        boolean[] flipped = new boolean[n];
        for (int round = 0; round < 4 * n; round++) {
            int best = -1;
            double gain = 0;
            for (int i = 0; i < n; i++) {
                double change = flipped[i] ? -1 : 1;
                double less = 2 * change * slope[i] - products[i][i];
                if (less > gain) {
                    gain = less;
                    best = i;
                }
            }
            if (best < 0) {
                break;
            }
            double change = flipped[best] ? -1 : 1;
            flipped[best] = !flipped[best];
            for (int i = 0; i < n; i++) {
                slope[i] -= change * products[i][best];
            }
        }
        return flipped;
    }

    private static double product(
            Map<String, double[]> a, Map<String, double[]> b, Map<String, Double> weights) {
        double sum = 0;
        for (Map.Entry<String, double[]> entry : a.entrySet()) {
            double[] x = entry.getValue();
            double[] y = b.get(entry.getKey());
            double dot = 0;
            for (int i = 0; i < x.length; i++) {
                dot += x[i] * y[i];
            }
            sum += dot * weights.get(entry.getKey());
        }
        return sum;
    }

    private static void subtract(double[] from, double[] what) {
        for (int i = 0; i < from.length; i++) {
            from[i] -= what[i];
        }
    }
}
