package org.densenet4j.contract;

/**
 * A sum in double precision that remembers how large its terms were: what rounding may cost is a
 * share of Σ|term|, not of the sum, which may have cancelled.
 */
final class Terms {
    private double sum;
    private double magnitude;

    /** Adds a term. */
    Terms add(double term) {
        return add(term, Math.abs(term));
    }

    /** Adds a term that is itself the sum of terms of some size. */
    Terms add(double term, double size) {
        sum += term;
        magnitude += size;
        return this;
    }

    /** Multiplies the whole sum. */
    Terms times(double factor) {
        sum *= factor;
        magnitude *= Math.abs(factor);
        return this;
    }

    double sum() {
        return sum;
    }

    double magnitude() {
        return magnitude;
    }
}
