package org.densenet4j.profile;

import org.densenet4j.plan.Bytes;
import org.densenet4j.report.Table;

/** A sweep by the image: what one more of them costs. */
final class SweepTable {
    private static final String NONE = "–";

    private SweepTable() {}

    static Table of(Sweep s) {
        Table table =
                Table.of(
                        "By " + s.variable().unit() + ": " + s.fixed(),
                        "strategy",
                        s.variable().unit(),
                        "memory",
                        "memory per image",
                        "median step",
                        "time per image");
        for (Sweep.Point p : s.points()) {
            double seconds = p.measured() == null ? 0 : p.measured().stepTime().median();
            table.row(
                    p.strategy(),
                    p.value(),
                    Bytes.format(p.predictedBytes()),
                    Bytes.format(p.predictedBytes() / p.batch()),
                    seconds == 0 ? NONE : Units.seconds(seconds),
                    seconds == 0 ? NONE : Units.seconds(seconds / p.batch()));
        }
        return table;
    }
}
