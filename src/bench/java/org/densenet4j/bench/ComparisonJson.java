package org.densenet4j.bench;

import org.densenet4j.report.Json;

import java.util.List;
import java.util.Map;

/** A comparison as JSON: settings and every process; the tables follow from it. */
final class ComparisonJson {
    private static final int VERSION = 1;

    private ComparisonJson() {}

    static String of(Settings settings, Results results, List<String> skipped) {
        return Json.pretty(
                Json.object(
                        "format",
                        "densenet4j.cpu-comparison",
                        "version",
                        VERSION,
                        "rounds",
                        settings.rounds(),
                        "steps",
                        settings.steps(),
                        "warmUpSeconds",
                        settings.warmUpSeconds(),
                        "threads",
                        settings.threads(),
                        "isa",
                        settings.isa(),
                        "jemalloc",
                        ChildProcess.jemalloc() != null,
                        "skipped",
                        skipped,
                        "contenders",
                        results.all().stream()
                                .filter(Result::isMeasured)
                                .map(ComparisonJson::result)
                                .toList()));
    }

    private static Map<String, Object> result(Result r) {
        Contender c = r.contender();
        return Json.object(
                "model", c.model(),
                "batch", c.batch(),
                "work", c.work(),
                "precision", c.precision(),
                "kind", c.kind(),
                "variant", c.name(),
                "imagesPerSecond", r.speeds(),
                "residentActivationBytes", r.memories(),
                "plannedActivationBytes", c.kind().isOurs() ? r.plannedActivations() : null);
    }
}
