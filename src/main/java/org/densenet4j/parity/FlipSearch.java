package org.densenet4j.parity;

import org.densenet4j.reference.Kink;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the kinks at which a gradient of single precision went the other way. Whether they explain
 * what differs is for the caller to see.
 *
 * <p>The gradient of a normalisation's shift is, channel by channel, the sum of what its ReLU lets
 * through. It depends on this ReLU and on later ones, so these are known one after the other, from
 * the last to the first: those channels that are off, are off by what the flipped elements let
 * through. A max-pool's choice between equal values shows in the convolution that made them ({@link
 * KinkWitnesses}).
 */
final class FlipSearch {
    /** So many kinks of a channel are tried in all combinations. */
    private static final int MOST_IN_CHANNEL = 12;

    private static final int MOST_TIES = 64;

    private final DoublePrecision reference;
    private final Map<String, double[]> ours;
    private final List<Kink> flipped = new ArrayList<>();

    /** Gradients of double precision with those flipped. */
    private Map<String, double[]> exact;

    private FlipSearch(DoublePrecision reference, Map<String, double[]> ours) {
        this.reference = reference;
        this.ours = ours;
        this.exact = reference.gradientsWith(flipped);
    }

    /**
     * @param reference after a pass
     * @param ours gradients of single precision by name
     * @return the kinks that went the other way
     */
    static List<Kink> search(DoublePrecision reference, Map<String, double[]> ours) {
        FlipSearch search = new FlipSearch(reference, ours);
        KinkWitnesses witnesses = reference.witnesses();
        Map<String, List<Kink>> byLayer = new LinkedHashMap<>();
        witnesses
                .lastFirst(reference.layers())
                .forEach(layer -> byLayer.put(layer, new ArrayList<>()));
        reference.kinks().all().forEach(kink -> byLayer.get(kink.layer()).add(kink));
        byLayer.forEach(
                (layer, kinks) -> {
                    String witness = witnesses.parameter(layer).orElse(null);
                    if (witness == null || kinks.isEmpty()) {
                        return;
                    }
                    if (kinks.getFirst().isPool()) {
                        search.ties(kinks.subList(0, Math.min(MOST_TIES, kinks.size())), witness);
                    } else {
                        search.relus(kinks, witness);
                    }
                });
        return search.flipped;
    }

    // ---------------------------------------------------------------- ReLUs

    private void relus(List<Kink> kinks, String shift) {
        double[] wanted = ours.get(shift).clone();
        subtract(wanted, exact.get(shift));
        int before = flipped.size();
        double[] jumps = reference.jumps(kinks);
        for (int c = 0; c < wanted.length; c++) {
            // Equal inputs, as behind a max-pool that lets nothing through, are on one side.
            Map<Double, Set> sets = new LinkedHashMap<>();
            for (int i = 0; i < kinks.size(); i++) {
                Kink kink = kinks.get(i);
                if (kink.element() % wanted.length == c
                        && (sets.size() < MOST_IN_CHANNEL || sets.containsKey(kink.margin()))) {
                    sets.merge(kink.margin(), new Set(List.of(kink), jumps[i]), Set::and);
                }
            }
            closest(List.copyOf(sets.values()), wanted[c]).forEach(s -> flipped.addAll(s.kinks()));
        }
        if (flipped.size() > before) {
            exact = reference.gradientsWith(flipped);
        }
    }

    /** Kinks of a channel that go one way, and by how much they change the shift's gradient. */
    private record Set(List<Kink> kinks, double jump) {
        Set and(Set other) {
            List<Kink> both = new ArrayList<>(kinks);
            both.addAll(other.kinks);
            return new Set(both, jump + other.jump);
        }
    }

    /** Those whose jumps add up to nearly {@code wanted}. */
    private static List<Set> closest(List<Set> sets, double wanted) {
        List<Set> best = List.of();
        double least = Math.abs(wanted);
        for (int bits = 1; bits < 1 << sets.size(); bits++) {
            List<Set> chosen = new ArrayList<>();
            double rest = wanted;
            for (int i = 0; i < sets.size(); i++) {
                if ((bits >> i & 1) == 1) {
                    chosen.add(sets.get(i));
                    rest -= sets.get(i).jump();
                }
            }
            if (Math.abs(rest) < least) {
                least = Math.abs(rest);
                best = chosen;
            }
        }
        return best;
    }

    // ---------------------------------------------------------------- max-pools

    /** Flips one tie at a time, the best first, as long as the difference shrinks. */
    private void ties(List<Kink> ties, String witness) {
        int found = flipped.size();
        double[] before = exact.get(witness);
        double[] rest = ours.get(witness).clone();
        subtract(rest, before);
        List<double[]> jumps = new ArrayList<>();
        for (Kink tie : ties) {
            List<Kink> with = new ArrayList<>(flipped);
            with.add(tie);
            double[] jump = reference.gradientsWith(with).get(witness);
            subtract(jump, before);
            jumps.add(jump);
        }
        List<Kink> left = new ArrayList<>(ties);
        while (!left.isEmpty()) {
            int best = -1;
            double gain = 0;
            for (int i = 0; i < left.size(); i++) {
                double less = 2 * product(jumps.get(i), rest) - product(jumps.get(i), jumps.get(i));
                if (less > gain) {
                    gain = less;
                    best = i;
                }
            }
            if (best < 0) {
                break;
            }
            flipped.add(left.remove(best));
            subtract(rest, jumps.remove(best));
        }
        if (flipped.size() > found) {
            exact = reference.gradientsWith(flipped);
        }
    }

    private static double product(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private static void subtract(double[] from, double[] what) {
        for (int i = 0; i < from.length; i++) {
            from[i] -= what[i];
        }
    }
}
