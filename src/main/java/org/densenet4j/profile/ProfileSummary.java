package org.densenet4j.profile;

import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.Operation;
import org.densenet4j.report.Table;

import java.util.Locale;
import java.util.Map;

/** A profile as a few lines for a terminal. */
final class ProfileSummary {
    private ProfileSummary() {}

    static String of(Profile p) {
        MemoryPlan plan = p.plan();
        StringBuilder text = new StringBuilder();
        text.append(plan.spec()).append(", batch ").append(plan.batch());
        text.append(", ").append(plan.strategy()).append('\n');
        text.append("on ").append(p.device()).append("\n\n");
        Operation peak = plan.peakOperation();
        Table memory = Table.of("Memory", "memory at the peak", "bytes");
        for (Map.Entry<Category, Long> c : plan.bytesAtPeak().entrySet()) {
            if (c.getValue() > 0) {
                memory.row(Units.name(c.getKey()), Bytes.format(c.getValue()));
            }
        }
        memory.row("in use", Bytes.format(plan.liveBytes(peak.index())));
        memory.row("arena", Bytes.format(plan.peakBytes()));
        text.append(memory.text());
        text.append("reached in ").append(peak.name()).append(", ");
        text.append(peak.phase().name().toLowerCase(Locale.ROOT)).append("\n\n");
        if (p.isTimed()) {
            text.append(StageTime.table("Time", StageTime.byPart(p), p.operationSeconds()).text());
            text.append('\n');
        }
        if (!p.steps().isEmpty()) {
            double step = p.stepTime().median();
            text.append("step          ").append(Units.seconds(step));
            text.append(" (").append(Units.seconds(p.stepTime().min())).append(" to ");
            text.append(Units.seconds(p.stepTime().max())).append("), ");
            text.append(String.format(Locale.ROOT, "%.1f images/s%n", plan.batch() / step));
            text.append("achieved      ").append(Units.rate(p.flops() / step, "FLOP/s"));
            if (p.ceilings() != null) {
                text.append(" of ").append(Units.rate(p.ceilings().flopsPerSecond(), "FLOP/s"));
                text.append(" in products, memory ");
                text.append(Units.rate(p.ceilings().bytesPerSecond(), "B/s"));
            }
            text.append('\n');
        }
        text.append("recomputed    ").append(Units.percent(p.recomputedShare()));
        text.append(" of the FLOPs\n");
        if (!p.trace().isEmpty()) {
            text.append(p.trace().text());
        }
        if (p.failure() != null) {
            text.append("failed        ").append(p.failure()).append('\n');
        }
        return text.toString();
    }
}
