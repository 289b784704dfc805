package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.FamilySpec;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The same training steps under NAIVE and under another strategy, each in a fresh process. */
final class MemoryComparison {
    private MemoryComparison() {}

    static void print(FamilySpec spec, MemoryStrategy strategy, int batch, Device d)
            throws IOException {
        MemoryStrategy ours = strategy == MemoryStrategy.NAIVE ? MemoryStrategy.SHARED : strategy;
        long naiveBytes =
                MemoryPlan.of(spec).strategy(MemoryStrategy.NAIVE).batch(batch).on(d).peakBytes();
        if (naiveBytes > d.availableBytes()) {
            System.out.printf(
                    Locale.ROOT,
                    "%nNAIVE would need %s, more than this machine has left%n",
                    Bytes.format(naiveBytes));
            return;
        }
        List<String> arguments = new ArrayList<>(ModelOption.arguments(spec));
        arguments.addAll(List.of("--batch", String.valueOf(batch)));
        arguments.addAll(List.of("--steps", "12"));
        System.out.printf(
                Locale.ROOT,
                "%npeak memory of a training step, each in a fresh process%n%-10s %12s %12s %12s"
                        + " %11s%n",
                "strategy",
                "predicted",
                "allocated",
                "resident",
                "images/s");
        for (MemoryStrategy s : List.of(MemoryStrategy.NAIVE, ours)) {
            MeasuredProcess measured = MeasuredProcess.run(s, arguments);
            System.out.printf(
                    Locale.ROOT,
                    "%-10s %12s %12s %12s %11.1f%n",
                    s,
                    Bytes.format(measured.predicted()),
                    Bytes.format(measured.allocated()),
                    ResidentMemory.isKnown() ? Bytes.format(measured.resident()) : "unknown",
                    measured.imagesPerSecond());
        }
        System.out.println(
                "(resident: growth of the whole process, generated code and libraries included)");
    }
}
