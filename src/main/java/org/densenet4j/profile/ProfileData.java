package org.densenet4j.profile;

import org.densenet4j.io.Csv;
import org.densenet4j.plan.Buffer;
import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.Operation;
import org.densenet4j.profile.Profile.OperationProfile;
import org.densenet4j.report.Json;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A profile as JSON and CSV; the schema is in {@code docs/profile.md}. */
final class ProfileData {
    /** Raised when a field changes its meaning or goes away; new fields do not raise it. */
    private static final int VERSION = 1;

    private ProfileData() {}

    static Map<String, Object> json(Profile p) {
        MemoryPlan plan = p.plan();
        Map<String, Object> json =
                Json.object(
                        "format", "densenet4j.profile",
                        "version", VERSION,
                        "network", plan.spec().toString(),
                        "strategy", plan.strategy(),
                        "batch", plan.batch(),
                        "device", p.device(),
                        "failure", p.failure(),
                        "peakBytes", plan.peakBytes(),
                        "liveBytesAtPeak", plan.liveBytes(plan.peakOperation().index()),
                        "peakOperation", plan.peakOperation().index(),
                        "stepSeconds", p.steps(),
                        "profilerSecondsPerOperation", p.markSeconds(),
                        "flops", p.flops(),
                        "recomputedFlopsShare", p.recomputedShare(),
                        "recomputedElements", p.recomputedElements(),
                        "ceilings", ceilings(p.ceilings()));
        json.put("trace", p.trace().isEmpty() ? null : p.trace().json());
        json.put("operations", p.operations().stream().map(o -> operation(plan, o)).toList());
        json.put("buffers", plan.buffers().stream().map(ProfileData::buffer).toList());
        return json;
    }

    private static @Nullable Map<String, Object> ceilings(@Nullable Ceilings c) {
        return c == null
                ? null
                : Json.object(
                        "flopsPerSecond", c.flopsPerSecond(),
                        "bytesPerSecond", c.bytesPerSecond());
    }

    private static Map<String, Object> operation(MemoryPlan plan, OperationProfile o) {
        Map<String, Object> live = new LinkedHashMap<>();
        plan.bytesAt(o.operation().index()).forEach((c, bytes) -> live.put(c.name(), bytes));
        return Json.object(
                "index", o.operation().index(),
                "phase", o.operation().phase(),
                "name", o.operation().name(),
                "flops", o.cost().flops(),
                "bytes", o.cost().bytes(),
                "recomputedFlops", o.cost().recomputedFlops(),
                "recomputedElements", o.cost().recomputedElements(),
                "executions", o.time().count(),
                "medianSeconds", o.time().median(),
                "minSeconds", o.time().min(),
                "maxSeconds", o.time().max(),
                "liveBytes", plan.liveBytes(o.operation().index()),
                "liveBytesByCategory", live);
    }

    private static Map<String, Object> buffer(Buffer b) {
        return Json.object(
                "name", b.name(),
                "category", b.category(),
                "bytes", b.bytes(),
                "offset", b.offset(),
                "firstOperation", b.first(),
                "lastOperation", b.last());
    }

    static String operationsCsv(Profile p) {
        List<String> columns =
                new ArrayList<>(
                        List.of(
                                "index",
                                "phase",
                                "name",
                                "flops",
                                "bytes",
                                "recomputed_flops",
                                "recomputed_elements",
                                "executions",
                                "median_seconds",
                                "min_seconds",
                                "max_seconds",
                                "live_bytes"));
        for (Category c : Category.values()) {
            columns.add("live_" + c.name().toLowerCase(Locale.ROOT));
        }
        Csv csv = new Csv().row(columns);
        for (OperationProfile o : p.operations()) {
            Operation operation = o.operation();
            List<Object> row =
                    new ArrayList<>(
                            List.of(
                                    operation.index(),
                                    operation.phase(),
                                    operation.name(),
                                    o.cost().flops(),
                                    o.cost().bytes(),
                                    o.cost().recomputedFlops(),
                                    o.cost().recomputedElements(),
                                    o.time().count(),
                                    Csv.decimals(9, o.time().median()),
                                    Csv.decimals(9, o.time().min()),
                                    Csv.decimals(9, o.time().max()),
                                    p.plan().liveBytes(operation.index())));
            row.addAll(p.plan().bytesAt(operation.index()).values());
            csv.row(row);
        }
        return csv.toString();
    }

    static String buffersCsv(MemoryPlan plan) {
        Csv csv =
                Csv.of("name", "category", "bytes", "offset", "first_operation", "last_operation");
        for (Buffer b : plan.buffers()) {
            csv.row(b.name(), b.category(), b.bytes(), b.offset(), b.first(), b.last());
        }
        return csv.toString();
    }
}
