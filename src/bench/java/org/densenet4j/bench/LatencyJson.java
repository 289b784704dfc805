package org.densenet4j.bench;

import org.densenet4j.report.Json;

import java.util.List;
import java.util.Map;

/** Latencies as JSON: settings and what every process said; the tables follow from it. */
final class LatencyJson {
    private static final int VERSION = 1;

    private LatencyJson() {}

    static String of(
            LatencySettings settings,
            LatencyResults calls,
            LatencyResults starts,
            List<String> remarks) {
        return Json.pretty(
                Json.object(
                        "format",
                        "densenet4j.latency-comparison",
                        "version",
                        VERSION,
                        "rounds",
                        settings.rounds(),
                        "warmUpSeconds",
                        settings.warmUpSeconds(),
                        "processesStarted",
                        settings.starts(),
                        "threads",
                        settings.threads(),
                        "isa",
                        settings.isa(),
                        "jemalloc",
                        ChildProcess.jemalloc() != null,
                        "remarks",
                        remarks,
                        "calls",
                        results(
                                calls,
                                LatencyQuantity.MEDIAN,
                                LatencyQuantity.P99,
                                LatencyQuantity.CALLS),
                        "starts",
                        results(
                                starts,
                                LatencyQuantity.LOADED,
                                LatencyQuantity.ANSWER,
                                LatencyQuantity.FIRST_CALL,
                                LatencyQuantity.SECOND_CALL)));
    }

    private static List<Map<String, Object>> results(
            LatencyResults results, LatencyQuantity... quantities) {
        return results.all().stream()
                .filter(LatencyResult::isMeasured)
                .map(r -> result(r, quantities))
                .toList();
    }

    private static Map<String, Object> result(LatencyResult r, LatencyQuantity... quantities) {
        LatencyContender c = r.contender();
        Map<String, Object> members =
                Json.object(
                        "model", c.model(),
                        "batch", c.batch(),
                        "precision", c.precision(),
                        "engine", c.engine(),
                        "variant", c.label());
        for (LatencyQuantity q : quantities) {
            members.put(q.key(), r.each(q));
        }
        return members;
    }
}
