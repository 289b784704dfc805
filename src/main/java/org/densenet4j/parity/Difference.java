package org.densenet4j.parity;

/** The error of a tensor, |ours − theirs| / |theirs| in the Euclidean norm. */
final class Difference {
    /**
     * Differences below this, per element, are rounding and not error, however small the tensor.
     */
    private static final double SMALLEST_NORM = 1e-7;

    private Difference() {}

    static double relative(double[] ours, double[] theirs) {
        return relative(ours, theirs, null, null);
    }

    /** The error that is left when {@code ours} is moved by {@code from − to}. */
    static double relative(double[] ours, double[] theirs, double[] from, double[] to) {
        double difference = 0;
        for (int i = 0; i < theirs.length; i++) {
            double d = ours[i] - theirs[i] + (from == null ? 0 : from[i] - to[i]);
            difference += d * d;
        }
        return Math.sqrt(difference) / norm(theirs);
    }

    /** The norm that errors are relative to. */
    static double norm(double[] theirs) {
        double norm = 0;
        for (double value : theirs) {
            norm += value * value;
        }
        return Math.max(Math.sqrt(norm), SMALLEST_NORM * Math.sqrt(theirs.length));
    }

    static double[] toDoubles(float[] values) {
        double[] result = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = values[i];
        }
        return result;
    }

    static float[] toFloats(double[] values) {
        float[] result = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = (float) values[i];
        }
        return result;
    }
}
