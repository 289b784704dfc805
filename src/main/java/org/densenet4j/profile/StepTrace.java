package org.densenet4j.profile;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.TracedCall;
import org.densenet4j.io.Csv;
import org.densenet4j.report.Json;
import org.densenet4j.report.Table;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * What a device was asked to do in some steps, launch by launch.
 *
 * @param calls of all steps, by name
 * @param steps how many
 * @param seconds that the steps took, all together
 */
public record StepTrace(List<TracedCall> calls, int steps, double seconds) {
    /** Of no step. */
    public static final StepTrace NONE = new StepTrace(List.of(), 0, 0);

    /**
     * Takes the trace of one step, or of anything else, that has just been waited for.
     *
     * @param device that ran the step
     * @param seconds that it took
     * @return calls with their times; empty where the device is not traced
     */
    public static StepTrace take(Device device, double seconds) {
        Objects.requireNonNull(device, "device");
        return new StepTrace(device.takeTrace(), 1, seconds);
    }

    /**
     * {@return both together}
     *
     * @param next of later steps
     */
    public StepTrace plus(StepTrace next) {
        Objects.requireNonNull(next, "next");
        Map<String, TracedCall> sums = new LinkedHashMap<>();
        calls.forEach(c -> sums.put(c.name(), c));
        next.calls.forEach(c -> sums.merge(c.name(), c, TracedCall::plus));
        return new StepTrace(
                List.copyOf(sums.values()), steps + next.steps, seconds + next.seconds);
    }

    /** {@return whether anything was traced} */
    public boolean isEmpty() {
        return calls.isEmpty();
    }

    /** {@return seconds of all calls but those that ran beside the others} */
    public double callSeconds() {
        return calls.stream().filter(c -> !c.beside()).mapToDouble(TracedCall::seconds).sum();
    }

    /** {@return all calls as one} */
    public TracedCall total() {
        return new TracedCall(
                "all calls",
                calls.stream().mapToLong(TracedCall::calls).sum(),
                callSeconds(),
                calls.stream().mapToLong(TracedCall::bytes).sum(),
                calls.stream().mapToLong(TracedCall::flops).sum(),
                false);
    }

    /**
     * {@return a row for each call, per step, the longest first; then their sum, what the steps
     * took beside them, and their whole time}
     */
    public Table table() {
        Table table =
                Table.of(
                        "Launches, library calls and copies of a step",
                        "call",
                        "calls",
                        "time",
                        "share",
                        "GB",
                        "GB/s",
                        "GFLOP",
                        "TFLOP/s");
        List<TracedCall> longestFirst = new ArrayList<>(calls);
        longestFirst.sort(
                Comparator.comparingDouble(TracedCall::seconds)
                        .thenComparingLong(TracedCall::bytes)
                        .reversed());
        longestFirst.forEach(c -> row(table, c.beside() ? c.name() + " (beside)" : c.name(), c));
        row(table, "all calls", total());
        time(table, "between calls", Math.max(0, seconds - callSeconds()));
        time(table, "whole time", seconds);
        return table;
    }

    private void row(Table table, String name, TracedCall c) {
        table.row(
                name,
                c.calls() % divisor() == 0
                        ? String.valueOf(c.calls() / divisor())
                        : number((double) c.calls() / divisor()),
                Units.seconds(c.seconds() / divisor()),
                share(c.seconds()),
                number(c.bytes() / 1e9 / divisor()),
                number(c.bytesPerSecond() / 1e9),
                number(c.flops() / 1e9 / divisor()),
                number(c.flopsPerSecond() / 1e12));
    }

    private void time(Table table, String name, double taken) {
        table.row(name, "", Units.seconds(taken / divisor()), share(taken), "", "", "", "");
    }

    /** Of no step all sums are 0, and so is each of its means. */
    private int divisor() {
        return Math.max(1, steps);
    }

    private String share(double taken) {
        return seconds > 0 ? Units.percent(taken / seconds) : "–";
    }

    private static String number(double value) {
        if (value == 0) {
            return "–";
        }
        String digits = value < 0.01 ? "%.6f" : value < 10 ? "%.3f" : "%.1f";
        return String.format(Locale.ROOT, digits, value);
    }

    /**
     * {@return the table for a terminal, with a line above it}
     *
     * @param what it is of
     */
    public String text(String what) {
        Objects.requireNonNull(what, "what");
        return "\ntrace of "
                + what
                + "; every operation was launched by itself and timed between two events\n"
                + table().text();
    }

    /** {@return the table of a step, for a terminal} */
    public String text() {
        return text(steps == 1 ? "one step" : "a step, the mean of " + steps);
    }

    /** Totals of all steps. */
    Map<String, Object> json() {
        return Json.object(
                "steps",
                steps,
                "seconds",
                seconds,
                "calls",
                calls.stream()
                        .map(
                                c ->
                                        Json.object(
                                                "name", c.name(),
                                                "calls", c.calls(),
                                                "seconds", c.seconds(),
                                                "bytes", c.bytes(),
                                                "flops", c.flops(),
                                                "beside", c.beside()))
                        .toList());
    }

    /** Totals of all steps. */
    String csv() {
        Csv csv = Csv.of("name", "calls", "seconds", "bytes", "flops", "beside");
        for (TracedCall c : calls) {
            csv.row(
                    c.name(),
                    c.calls(),
                    Csv.decimals(9, c.seconds()),
                    c.bytes(),
                    c.flops(),
                    c.beside());
        }
        return csv.toString();
    }
}
