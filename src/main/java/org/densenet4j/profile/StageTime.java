package org.densenet4j.profile;

import org.densenet4j.plan.Phase;
import org.densenet4j.profile.Profile.OperationProfile;
import org.densenet4j.report.Table;

import java.util.LinkedHashMap;
import java.util.Map;

/** Time and work of a stage, or of all layers of a block, forward and backward. */
final class StageTime {
    private double forward;
    private double backward;
    private long flops;
    private long bytes;

    private StageTime() {}

    /** Every layer by itself. */
    static Map<String, StageTime> byLayer(Profile profile) {
        return of(profile, false);
    }

    /** The layers of each block together. */
    static Map<String, StageTime> byPart(Profile profile) {
        return of(profile, true);
    }

    private static Map<String, StageTime> of(Profile profile, boolean wholeBlocks) {
        Map<String, StageTime> stages = new LinkedHashMap<>();
        for (OperationProfile o : profile.operations()) {
            String name = o.operation().name();
            int dot = name.indexOf('.');
            String stage = wholeBlocks && dot > 0 ? name.substring(0, dot) : name;
            stages.computeIfAbsent(stage, s -> new StageTime()).add(o);
        }
        return stages;
    }

    private void add(OperationProfile o) {
        if (o.time().count() == 0) {
            return;
        }
        if (o.operation().phase() == Phase.FORWARD) {
            forward += o.time().median();
        } else {
            backward += o.time().median();
        }
        flops += o.cost().flops();
        bytes += o.cost().bytes();
    }

    /** Seconds of the forward pass. */
    double forward() {
        return forward;
    }

    /** Seconds of the backward pass, or of the update. */
    double backward() {
        return backward;
    }

    /** A row for each stage. */
    static Table table(String caption, Map<String, StageTime> stages, double allSeconds) {
        Table table =
                Table.of(
                        caption, "part", "forward", "backward", "share", "achieved", "memory rate");
        stages.forEach(
                (name, s) -> {
                    double seconds = s.forward + s.backward;
                    table.row(
                            name,
                            Units.seconds(s.forward),
                            Units.seconds(s.backward),
                            Units.percent(seconds / allSeconds),
                            Units.rate(s.flops / seconds, "FLOP/s"),
                            Units.rate(s.bytes / seconds, "B/s"));
                });
        return table;
    }
}
