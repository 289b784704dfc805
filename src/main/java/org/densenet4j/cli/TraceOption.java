package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.profile.StepTrace;
import org.densenet4j.profile.WarmedSteps;

import picocli.CommandLine.Option;

import java.util.List;

/** The option of commands that show what a GPU is asked to do. */
final class TraceOption {
    @Option(
            names = "--trace",
            description =
                    "count and time every launch and library call of a GPU; slower, because steps"
                            + " are then not recorded")
    private boolean trace;

    /** For picocli. */
    TraceOption() {}

    boolean isOn() {
        return trace;
    }

    /** A step whose trace is added to the list after it ran; itself where tracing is off. */
    WarmedSteps.Step each(WarmedSteps.Step step, Device device, List<StepTrace> traces) {
        if (!trace) {
            return step;
        }
        return number -> {
            if (number == 0) {
                device.takeTrace(); // of what came before
            }
            double seconds = step.run(number);
            traces.add(StepTrace.take(device, seconds));
            return seconds;
        };
    }

    /** Prints the last of some traces together. */
    void print(List<StepTrace> traces, int last, Device device) {
        StepTrace sum =
                traces.subList(Math.max(0, traces.size() - last), traces.size()).stream()
                        .reduce(StepTrace.NONE, StepTrace::plus);
        if (trace) {
            System.out.print(sum.isEmpty() ? none(device) : sum.text());
        }
    }

    /** Prints a table, or that this device has none; nothing where tracing is off. */
    void print(String what, StepTrace taken, Device device) {
        if (trace) {
            System.out.print(taken.isEmpty() ? none(device) : taken.text(what));
        }
    }

    private static String none(Device device) {
        return device.name() + " traces no calls\n";
    }
}
