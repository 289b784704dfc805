package org.densenet4j.reference;

/** The normal distribution in double precision. */
final class NormalDistribution {
    private static final double ROOT_TWO_PI = Math.sqrt(2 * Math.PI);

    /** From here on a continued fraction is quicker than the series. */
    private static final double FAR = 4;

    private NormalDistribution() {}

    static double density(double x) {
        return Math.exp(-x * x / 2) / ROOT_TWO_PI;
    }

    /**
     * The share of the distribution below x. Near the middle the series {@code Φ(x) = 1/2 + φ(x)·(x
     * + x³/3 + x⁵/(3·5) + …)}, whose terms have one sign (Marsaglia 2004); far from it Laplace's
     * continued fraction of the tail, {@code φ(x)/(x + 1/(x + 2/(x + 3/(x + …))))}.
     */
    static double below(double x) {
        if (Double.isNaN(x)) {
            return x;
        }
        if (Math.abs(x) < FAR) {
            double term = x;
            double sum = x;
            for (int n = 3; Math.abs(term) > 1e-18 * Math.abs(sum); n += 2) {
                term *= x * x / n;
                sum += term;
            }
            return 0.5 + density(x) * sum;
        }
        double a = Math.abs(x);
        double fraction = a;
        for (int n = 100; n > 0; n--) {
            fraction = a + n / fraction;
        }
        double tail = density(a) / fraction;
        return x < 0 ? tail : 1 - tail;
    }
}
