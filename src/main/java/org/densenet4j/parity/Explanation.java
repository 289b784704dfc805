package org.densenet4j.parity;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What double precision says of tensors by which single precision is off from a record.
 *
 * @param flips kinks at which single precision went the other way
 * @param exact values in double precision, which the record should have
 * @param moved the same with those flips
 * @param rounded the same with those flips and every result rounded
 */
record Explanation(
        int flips,
        Map<String, double[]> exact,
        Map<String, double[]> moved,
        Map<String, double[]> rounded) {
    /** Records in double precision, stored in single, are as close as this. */
    private static final double RECORD_TOLERANCE = 1e-5;

    /** How far rounding may move a tensor, in units of what one way of rounding does. */
    private static final double SAFETY = 4;

    /** How far a recorded tensor is from double precision. */
    double recordError(String name, double[] theirs) {
        return Difference.relative(exact.get(name), theirs);
    }

    /** Whether a recorded tensor is what double precision gives. */
    boolean recordHolds(String name, double[] theirs) {
        return recordError(name, theirs) <= RECORD_TOLERANCE;
    }

    /** Relative error of a tensor when the flips are taken into account. */
    double errorBesideFlips(String name, double[] ours, double[] theirs) {
        return Difference.relative(ours, theirs, exact.get(name), moved.get(name));
    }

    /** The relative error that rounding alone may cause. */
    double rounding(String name) {
        return SAFETY * Difference.relative(rounded.get(name), moved.get(name));
    }

    /**
     * What rounding alone may do to half of all tensors. Where that is more than their tolerance,
     * single precision has lost its way, and these numbers tell nothing of who computed them.
     */
    double roundingOfHalf() {
        double[] all = exact.keySet().stream().mapToDouble(this::rounding).sorted().toArray();
        return all[all.length / 2];
    }

    /** This and further tensors. */
    Explanation with(String name, double[] exactOf, double[] movedOf, double[] roundedOf) {
        return new Explanation(
                flips,
                put(exact, name, exactOf),
                put(moved, name, movedOf),
                put(rounded, name, roundedOf));
    }

    private static Map<String, double[]> put(
            Map<String, double[]> tensors, String name, double[] values) {
        Map<String, double[]> more = new LinkedHashMap<>(tensors);
        more.put(name, values);
        return more;
    }
}
