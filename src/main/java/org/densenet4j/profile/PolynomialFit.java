package org.densenet4j.profile;

import org.densenet4j.library.OptionalLibrary;
import org.jfree.data.statistics.Regression;
import org.jfree.data.xy.XYSeries;
import org.jfree.data.xy.XYSeriesCollection;

import java.util.Objects;

/**
 * A polynomial through points by least squares, by JFreeChart.
 *
 * @param coefficients constant first
 * @param rSquared share of the variance that it explains
 * @param largestResidual largest distance from a point, relative to the largest value
 */
public record PolynomialFit(double[] coefficients, double rSquared, double largestResidual) {
    /** Checks that there are some. */
    public PolynomialFit {
        Objects.requireNonNull(coefficients, "coefficients");
    }

    static {
        OptionalLibrary.read("org.jfree.chart.JFreeChart");
    }

    /**
     * Fits a polynomial.
     *
     * @param x where the points are
     * @param y their values, as many
     * @param degree of the polynomial, 0 or more
     * @return the coefficients and how well they fit
     * @throws IllegalArgumentException when there are fewer points than coefficients
     */
    public static PolynomialFit of(double[] x, double[] y, int degree) {
        Objects.requireNonNull(x, "x");
        Objects.requireNonNull(y, "y");
        if (degree < 0) {
            throw new IllegalArgumentException("degree = " + degree + ": use 0 or more");
        }
        if (x.length != y.length) {
            throw new IllegalArgumentException(
                    "x has " + x.length + " values, y " + y.length + ": give as many");
        }
        if (x.length <= degree) {
            throw new IllegalArgumentException(
                    x.length + " points do not determine a polynomial of degree " + degree);
        }
        XYSeries points = new XYSeries("points");
        double largest = 0;
        for (int i = 0; i < x.length; i++) {
            points.add(x[i], y[i]);
            largest = Math.max(largest, Math.abs(y[i]));
        }
        double[] result =
                Regression.getPolynomialRegression(new XYSeriesCollection(points), 0, degree);
        double[] coefficients = new double[degree + 1];
        System.arraycopy(result, 0, coefficients, 0, degree + 1);
        double residual = 0;
        for (int i = 0; i < x.length; i++) {
            residual = Math.max(residual, Math.abs(value(coefficients, x[i]) - y[i]));
        }
        return new PolynomialFit(coefficients, result[degree + 1], residual / largest);
    }

    private static double value(double[] coefficients, double x) {
        double value = 0;
        for (int i = coefficients.length - 1; i >= 0; i--) {
            value = value * x + coefficients[i];
        }
        return value;
    }
}
