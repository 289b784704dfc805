package org.densenet4j.spec;

import static org.densenet4j.spec.FieldChecks.require;

import java.util.List;

/** A factor that numbers of channels or layers are multiplied with, and rounded. */
record Scale(double factor) {
    private static final double LARGEST = 16;

    /**
     * A factor.
     *
     * @param what it scales, for a message
     * @throws IllegalArgumentException when it is none
     */
    static Scale of(String what, double factor) {
        require(
                factor > 0 && factor <= LARGEST,
                what + " = " + factor + ": use a factor above 0 and up to " + LARGEST);
        return new Scale(factor);
    }

    /** The nearest number, and at least 1. */
    int count(int number) {
        return count(number, 1);
    }

    /** The nearest multiple of some unit, and at least one of it. */
    int count(int number, int unit) {
        return unit * (int) Math.max(1, Math.round(number * factor / unit));
    }

    /** Of each. */
    List<Integer> counts(List<Integer> numbers) {
        return numbers.stream().map(this::count).toList();
    }
}
