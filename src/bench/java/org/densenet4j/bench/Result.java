package org.densenet4j.bench;

import java.util.ArrayList;
import java.util.List;

/** What the processes of one contender measured. */
final class Result {
    private final Contender contender;
    private final List<Double> imagesPerSecond = new ArrayList<>();
    private final List<Long> activationBytes = new ArrayList<>();
    private long plannedBytes;

    Result(Contender contender) {
        this.contender = contender;
    }

    /**
     * Takes what a process said. Memory is how far resident memory grew beyond the model's state;
     * our processes say how large they are before the state is there, so it is subtracted.
     */
    void add(ChildProcess.Answer answer) {
        imagesPerSecond.add(answer.number("imagesPerSecond"));
        double activations = answer.number("activations");
        if (contender.kind().isOurs()) {
            plannedBytes = Math.round(activations);
            double state = answer.number("allocated") - activations;
            activationBytes.add(Math.round(answer.number("resident") - state));
        } else {
            activationBytes.add(Math.round(activations));
        }
    }

    Contender contender() {
        return contender;
    }

    boolean isMeasured() {
        return !imagesPerSecond.isEmpty();
    }

    int rounds() {
        return imagesPerSecond.size();
    }

    List<Double> speeds() {
        return List.copyOf(imagesPerSecond);
    }

    List<Long> memories() {
        return List.copyOf(activationBytes);
    }

    /** Median images per second. */
    double speed() {
        return median(imagesPerSecond);
    }

    /** Median growth of resident memory beyond the model's state. */
    double residentActivations() {
        return median(activationBytes);
    }

    /** What the plan says of activations, to the byte; 0 for libtorch, which has none. */
    long plannedActivations() {
        return plannedBytes;
    }

    private static double median(List<? extends Number> values) {
        double[] sorted = values.stream().mapToDouble(Number::doubleValue).sorted().toArray();
        int half = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }
}
