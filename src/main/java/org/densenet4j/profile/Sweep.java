package org.densenet4j.profile;

import org.densenet4j.plan.MemoryStrategy;
import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.Objects;
import java.util.stream.DoubleStream;

/**
 * Memory and time of the strategies while one quantity grows.
 *
 * @param variable what grows
 * @param fixed what does not, in words
 * @param points of all strategies, ascending for each
 */
public record Sweep(Variable variable, String fixed, List<Point> points) {

    /** What grows in a sweep. */
    public enum Variable {
        /** Number of layers. */
        DEPTH("layers", "L = layers"),
        /** Images of a step. */
        BATCH("images per step", "N = images per step"),
        /** Height and width of images; memory and time follow the number of pixels. */
        SIZE("pixels a side", "P = pixels of an image");

        private final String unit;
        private final String fitted;

        Variable(String unit, String fitted) {
            this.unit = unit;
            this.fitted = fitted;
        }

        /** {@return what is counted} */
        public String unit() {
            return unit;
        }

        /** What fits are over: a letter, and what it stands for. */
        String fitted() {
            return fitted;
        }

        /** The letter of fits. */
        String symbol() {
            return fitted.substring(0, 1);
        }

        /** What a fit takes for a value: its square for the side of an image. */
        private double abscissa(int value) {
            return this == SIZE ? (double) value * value : value;
        }
    }

    /**
     * One network under one strategy.
     *
     * @param strategy what is kept
     * @param value of the variable
     * @param batch images of its step
     * @param predictedBytes the plan's peak
     * @param measured null when the machine does not have the memory
     */
    public record Point(
            MemoryStrategy strategy,
            int value,
            int batch,
            long predictedBytes,
            @Nullable Measurement measured) {}

    /**
     * {@return the points of a strategy}
     *
     * @param strategy one of those that were run
     */
    public List<Point> of(MemoryStrategy strategy) {
        Objects.requireNonNull(strategy, "strategy");
        return points.stream().filter(p -> p.strategy() == strategy).toList();
    }

    /**
     * {@return polynomial of a strategy's predicted bytes in the variable}
     *
     * @param strategy one of those that were run
     * @param degree of the polynomial, less than the number of points
     */
    public PolynomialFit memoryFit(MemoryStrategy strategy, int degree) {
        List<Point> own = of(strategy);
        return PolynomialFit.of(
                abscissas(own), own.stream().mapToDouble(Point::predictedBytes).toArray(), degree);
    }

    /**
     * {@return polynomial of a strategy's median step time in the variable, over the points that
     * ran}
     *
     * @param strategy one of those that were run
     * @param degree of the polynomial, less than the number of points
     */
    public PolynomialFit timeFit(MemoryStrategy strategy, int degree) {
        List<Point> own = of(strategy).stream().filter(p -> p.measured() != null).toList();
        DoubleStream seconds = own.stream().mapToDouble(p -> p.measured().stepTime().median());
        return PolynomialFit.of(abscissas(own), seconds.toArray(), degree);
    }

    private double[] abscissas(List<Point> own) {
        return own.stream().mapToDouble(p -> variable.abscissa(p.value())).toArray();
    }
}
