package org.densenet4j.bench;

import java.util.ArrayList;
import java.util.List;

/** What the processes of one contender measured. */
final class LatencyResult {
    private final LatencyContender contender;
    private final List<ChildProcess.Answer> answers = new ArrayList<>();

    LatencyResult(LatencyContender contender) {
        this.contender = contender;
    }

    void add(ChildProcess.Answer answer) {
        answers.add(answer);
    }

    LatencyContender contender() {
        return contender;
    }

    boolean isMeasured() {
        return !answers.isEmpty();
    }

    /** What each process said of a quantity. */
    List<Double> each(LatencyQuantity quantity) {
        return answers.stream().map(a -> a.number(quantity.key())).toList();
    }

    /** The median of its processes. */
    double median(LatencyQuantity quantity) {
        double[] sorted = each(quantity).stream().mapToDouble(d -> d).sorted().toArray();
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }
}
