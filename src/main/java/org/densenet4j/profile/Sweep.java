package org.densenet4j.profile;

import org.densenet4j.plan.MemoryStrategy;

import java.util.List;
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
        DEPTH("layers"),
        /** Images of a step. */
        BATCH("images per step");

        private final String unit;

        Variable(String unit) {
            this.unit = unit;
        }

        /** What is counted. */
        public String unit() {
            return unit;
        }
    }

    /**
     * One network under one strategy.
     *
     * @param strategy what is kept
     * @param value of the variable
     * @param predictedBytes the plan's peak
     * @param measured null when the machine does not have the memory
     */
    public record Point(
            MemoryStrategy strategy, int value, long predictedBytes, Measurement measured) {}

    /** The points of a strategy. */
    public List<Point> of(MemoryStrategy strategy) {
        return points.stream().filter(p -> p.strategy() == strategy).toList();
    }

    /** Polynomial of a strategy's predicted bytes in the variable. */
    public PolynomialFit memoryFit(MemoryStrategy strategy, int degree) {
        List<Point> own = of(strategy);
        return PolynomialFit.of(
                own.stream().mapToDouble(Point::value).toArray(),
                own.stream().mapToDouble(Point::predictedBytes).toArray(),
                degree);
    }

    /** Polynomial of a strategy's median step time in the variable, over the points that ran. */
    public PolynomialFit timeFit(MemoryStrategy strategy, int degree) {
        List<Point> own = of(strategy).stream().filter(p -> p.measured() != null).toList();
        DoubleStream seconds = own.stream().mapToDouble(p -> p.measured().stepTime().median());
        return PolynomialFit.of(
                own.stream().mapToDouble(Point::value).toArray(), seconds.toArray(), degree);
    }
}
