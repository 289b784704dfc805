package org.densenet4j.profile;

import static org.densenet4j.report.Json.object;

import org.densenet4j.plan.Buffer;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;
import org.densenet4j.profile.Profile.OperationProfile;
import org.densenet4j.report.HtmlPage;
import org.densenet4j.report.Table;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A profile as an HTML page. */
final class ProfilePage {
    private static final int LARGEST_AT_PEAK = 12;
    private static final int TALL = 460;

    private final Profile profile;
    private final MemoryPlan plan;
    private final List<Operation> operations;
    private final HtmlPage page;

    private ProfilePage(Profile profile) {
        this.profile = profile;
        this.plan = profile.plan();
        this.operations = plan.operations();
        this.page = HtmlPage.titled("A training step of " + plan.spec().name());
    }

    static HtmlPage of(Profile profile) {
        return new ProfilePage(profile).build();
    }

    private HtmlPage build() {
        page.subtitle(
                plan.spec()
                        + ", batch "
                        + plan.batch()
                        + ", strategy "
                        + plan.strategy()
                        + "; "
                        + profile.device());
        keyFigures();
        if (profile.failure() != null) {
            page.section("This step failed");
            page.warning(profile.failure());
            page.text(
                    profile.isTimed()
                            ? "Everything below is what was seen up to the failure."
                            : "Nothing was allocated and nothing ran: what follows is the plan.");
        }
        timeline();
        arena();
        if (profile.isTimed()) {
            time();
            if (profile.ceilings() != null) {
                roofline();
            }
        }
        if (!profile.trace().isEmpty()) {
            trace();
        }
        recomputation();
        allOperations();
        return page;
    }

    private void keyFigures() {
        page.keyFigure("peak, predicted", Bytes.format(plan.peakBytes()));
        if (!profile.steps().isEmpty()) {
            double step = profile.stepTime().median();
            page.keyFigure("median step", Units.seconds(step));
            page.keyFigure(
                    "images per second", String.format(Locale.ROOT, "%.1f", plan.batch() / step));
            double rate = profile.flops() / step;
            page.keyFigure("achieved", Units.rate(rate, "FLOP/s"));
            if (profile.ceilings() != null) {
                page.keyFigure(
                        "of the measured peak",
                        Units.percent(rate / profile.ceilings().flopsPerSecond()));
            }
        }
        page.keyFigure("recomputed FLOPs", Units.percent(profile.recomputedShare()));
    }

    // ---------------------------------------------------------------- memory

    private List<Category> categories() {
        return Arrays.stream(Category.values())
                .filter(c -> operations.stream().anyMatch(o -> bytes(o, c) > 0))
                .toList();
    }

    private long bytes(Operation o, Category c) {
        return plan.bytesAt(o.index()).get(c);
    }

    private static String label(Operation o) {
        return o.name() + " " + o.phase().name().toLowerCase(Locale.ROOT);
    }

    private void timeline() {
        page.section("Memory during the step");
        Operation peak = plan.peakOperation();
        long live = plan.liveBytes(peak.index());
        page.text(
                "Bytes of the arena in use in each operation. The peak of "
                        + Bytes.format(live)
                        + " is reached in "
                        + label(peak)
                        + "; the arena has "
                        + Bytes.format(plan.peakBytes())
                        + (plan.isTight()
                                ? ", not a byte more."
                                : ", "
                                        + Units.percent((double) plan.peakBytes() / live - 1)
                                        + " more, lost to gaps between buffers."));
        page.chart("Live bytes over the operations of a step, by category", timelineChart(), TALL);
        Table largest =
                Table.of(
                        "What the peak is made of: the largest buffers alive in " + label(peak),
                        "buffer",
                        "category",
                        "size",
                        "share of the peak",
                        "from",
                        "to");
        plan.buffers().stream()
                .filter(b -> b.liveAt(peak.index()))
                .sorted(Comparator.comparingLong(Buffer::bytes).reversed())
                .limit(LARGEST_AT_PEAK)
                .forEach(
                        b ->
                                largest.row(
                                        b.name(),
                                        Units.name(b.category()),
                                        Bytes.format(b.bytes()),
                                        Units.percent((double) b.bytes() / live),
                                        label(operations.get(b.first())),
                                        label(operations.get(b.last()))));
        page.table(largest);
    }

    private Map<String, Object> timelineChart() {
        List<Object> series = new ArrayList<>();
        List<String> names = new ArrayList<>();
        for (Category c : categories()) {
            long[] data = operations.stream().mapToLong(o -> bytes(o, c)).toArray();
            Map<String, Object> area = Charts.line(Units.name(c), data);
            area.put("stack", "live");
            area.put("step", "middle");
            area.put("symbol", "none");
            area.put("lineStyle", object("width", 0));
            area.put("areaStyle", object("opacity", 0.9));
            area.put("itemStyle", Charts.colour(c));
            series.add(area);
            names.add(Units.name(c));
        }
        long[] totals = operations.stream().mapToLong(o -> plan.liveBytes(o.index())).toArray();
        Map<String, Object> all = Charts.line("all", totals);
        all.put("step", "middle");
        all.put("symbol", "none");
        all.put("lineStyle", object("width", 1, "color", "var(--text)"));
        all.put("itemStyle", object("color", "var(--text)"));
        all.put("markPoint", peakMark());
        all.put("markArea", phases());
        series.add(all);
        Map<String, Object> axis =
                Charts.categoryAxis(operations.stream().map(ProfilePage::label).toList());
        axis.put("axisLabel", object("formatter", "format:first"));
        Map<String, Object> grid = Charts.grid();
        grid.put("top", 64);
        grid.put("bottom", 36);
        return object(
                "legend",
                Charts.legend(names),
                "grid",
                grid,
                "tooltip",
                Charts.axisTooltip("format:bytes"),
                "xAxis",
                axis,
                "yAxis",
                Charts.verticalAxis("format:bytes"),
                "dataZoom",
                Charts.zoom(),
                "series",
                series);
    }

    private Map<String, Object> peakMark() {
        Operation peak = plan.peakOperation();
        long live = plan.liveBytes(peak.index());
        return object(
                "symbol",
                "circle",
                "symbolSize",
                8,
                "label",
                object(
                        "formatter",
                        "peak " + Bytes.format(live),
                        "position",
                        "top",
                        "color",
                        "var(--text)"),
                "data",
                List.of(object("coord", List.of(peak.index(), live))));
    }

    /** Names and borders of the phases, behind the areas. */
    private Map<String, Object> phases() {
        List<Object> areas = new ArrayList<>();
        for (Phase phase : List.of(Phase.FORWARD, Phase.BACKWARD)) {
            int[] indices =
                    operations.stream()
                            .filter(o -> o.phase() == phase)
                            .mapToInt(Operation::index)
                            .toArray();
            areas.add(
                    List.of(
                            object(
                                    "name",
                                    phase.name().toLowerCase(Locale.ROOT),
                                    "xAxis",
                                    indices[0],
                                    "itemStyle",
                                    object(
                                            "color",
                                            "var(--line)",
                                            "opacity",
                                            phase == Phase.FORWARD ? 0.0 : 0.35)),
                            object("xAxis", indices[indices.length - 1])));
        }
        return object(
                "silent",
                true,
                "label",
                object("position", "top", "color", "var(--muted)"),
                "data",
                areas);
    }

    private void arena() {
        page.section("Places in the arena");
        page.text(
                "Every rectangle is a buffer: its width is its life, its height its bytes, its"
                        + " vertical position the addresses that it has. Buffers above each other"
                        + " live at the same time; those beside each other use the same memory in"
                        + " turn.");
        List<Object> series = new ArrayList<>();
        List<String> names = new ArrayList<>();
        for (Category c : categories()) {
            List<Object> boxes = new ArrayList<>();
            for (Buffer b : plan.buffers()) {
                if (b.category() == c && b.bytes() > 0) {
                    boxes.add(
                            object(
                                    "name",
                                    b.name()
                                            + "\n"
                                            + Bytes.format(b.bytes())
                                            + ", "
                                            + Units.name(c)
                                            + "\n"
                                            + label(operations.get(b.first()))
                                            + " to "
                                            + label(operations.get(b.last())),
                                    "value",
                                    new long[] {
                                        b.first(), b.last() + 1, b.offset(), b.offset() + b.bytes()
                                    }));
                }
            }
            series.add(
                    object(
                            "name",
                            Units.name(c),
                            "type",
                            "custom",
                            "renderItem",
                            "render:boxes",
                            "encode",
                            object("x", new int[] {0, 1}, "y", new int[] {2, 3}),
                            "itemStyle",
                            Charts.colour(c),
                            "data",
                            boxes));
            names.add(Units.name(c));
        }
        Map<String, Object> x = Charts.valueAxis("operation of the step", "format:number");
        x.put("min", 0);
        x.put("max", operations.size());
        Map<String, Object> y = Charts.verticalAxis("format:bytes");
        y.put("max", plan.peakBytes());
        y.put("axisLabel", object("formatter", "format:bytes", "showMaxLabel", false));
        Map<String, Object> grid = Charts.grid();
        grid.put("bottom", 60);
        page.chart(
                "The arena over the step: address by operation",
                object(
                        "legend",
                        Charts.legend(names),
                        "grid",
                        grid,
                        "tooltip",
                        Charts.itemTooltip(),
                        "xAxis",
                        x,
                        "yAxis",
                        y,
                        "dataZoom",
                        Charts.zoom(),
                        "series",
                        series),
                TALL);
        Table buffers =
                Table.of("All buffers", "buffer", "category", "size", "offset", "from", "to");
        for (Buffer b : plan.buffers()) {
            buffers.row(
                    b.name(),
                    Units.name(b.category()),
                    Bytes.format(b.bytes()),
                    b.offset(),
                    label(operations.get(b.first())),
                    label(operations.get(b.last())));
        }
        page.foldedTable(buffers);
    }

    // ---------------------------------------------------------------- time

    private void time() {
        page.section("Time");
        double all = profile.operationSeconds();
        double step = profile.stepTime().median();
        StringBuilder text = new StringBuilder("Medians of ");
        text.append(profile.operations().getFirst().time().count()).append(" executions.");
        if (step > 0) {
            text.append(" Operations take ").append(Units.seconds(all));
            text.append(" of a step of ").append(Units.seconds(step));
            text.append(" (")
                    .append(Units.seconds(profile.stepTime().min()))
                    .append(" to ")
                    .append(Units.seconds(profile.stepTime().max()))
                    .append(").");
        }
        double overhead = profile.markSeconds() * operations.size();
        text.append(" The profiler's own clock readings take ").append(Units.seconds(overhead));
        text.append(" a step, included.");
        page.text(text.toString());
        Map<String, StageTime> layers = StageTime.byLayer(profile);
        Map<String, Object> x = Charts.categoryAxis(List.copyOf(layers.keySet()));
        Map<String, Object> forward =
                Charts.bar(
                        "forward",
                        layers.values().stream().mapToDouble(s -> rounded(s.forward())).toArray());
        forward.put("stack", "time");
        Map<String, Object> backward =
                Charts.bar(
                        "backward and update",
                        layers.values().stream().mapToDouble(s -> rounded(s.backward())).toArray());
        backward.put("stack", "time");
        Map<String, Object> grid = Charts.grid();
        grid.put("bottom", 36);
        page.chart(
                "Time of each stage",
                object(
                        "legend",
                        Charts.legend(),
                        "grid",
                        grid,
                        "tooltip",
                        Charts.axisTooltip("format:seconds"),
                        "xAxis",
                        x,
                        "yAxis",
                        Charts.verticalAxis("format:seconds"),
                        "dataZoom",
                        Charts.zoom(),
                        "series",
                        List.of(forward, backward)));
        page.table(StageTime.table("Time by part of the network", StageTime.byPart(profile), all));
        page.foldedTable(StageTime.table("Time by layer", layers, all));
    }

    /** Nanoseconds are enough for a chart. */
    private static double rounded(double seconds) {
        return Math.round(seconds * 1e9) / 1e9;
    }

    // ---------------------------------------------------------------- roofline

    private void roofline() {
        Ceilings c = profile.ceilings();
        page.section("Roofline");
        page.text(
                "What each operation achieves against what this device can do at best, measured"
                        + " before the run: "
                        + Units.rate(c.flopsPerSecond(), "FLOP/s")
                        + " in matrix products, "
                        + Units.rate(c.bytesPerSecond(), "B/s")
                        + " in copies. FLOPs and bytes are counted from shapes: convolutions and"
                        + " products, and every whole-batch matrix once for each pass over it. A"
                        + " point above the slope finds some of its data in the cache.");
        OperationKind kind = OperationKind.in(plan.spec().graph());
        Map<String, List<Object>> points = new LinkedHashMap<>();
        double low = Double.POSITIVE_INFINITY;
        double high = 0;
        for (OperationProfile o : profile.operations()) {
            if (o.cost().flops() == 0 || o.time().count() == 0) {
                continue;
            }
            double intensity = o.cost().intensity();
            low = Math.min(low, intensity);
            high = Math.max(high, intensity);
            points.computeIfAbsent(kind.of(o.operation()), k -> new ArrayList<>())
                    .add(
                            object(
                                    "name",
                                    label(o.operation())
                                            + "\n"
                                            + Units.rate(o.flopsPerSecond(), "FLOP/s")
                                            + ", "
                                            + Units.rate(o.bytesPerSecond(), "B/s")
                                            + "\n"
                                            + Units.percent(
                                                    o.flopsPerSecond() / c.attainable(intensity))
                                            + " of what its "
                                            + String.format(Locale.ROOT, "%.1f", intensity)
                                            + " FLOP/byte allow",
                                    "value",
                                    List.of(intensity, o.flopsPerSecond() / 1e9)));
        }
        double ridge = c.flopsPerSecond() / c.bytesPerSecond();
        double left = Math.pow(10, Math.floor(Math.log10(Math.min(low, ridge))));
        double right = Math.pow(10, Math.ceil(Math.log10(Math.max(high, ridge))));
        List<Object> series = new ArrayList<>();
        Map<String, Object> roof =
                Charts.line(
                        "ceilings",
                        List.of(
                                List.of(left, c.attainable(left) / 1e9),
                                List.of(ridge, c.flopsPerSecond() / 1e9),
                                List.of(right, c.flopsPerSecond() / 1e9)));
        roof.put("symbol", "none");
        roof.put("itemStyle", object("color", "var(--muted)"));
        roof.put("lineStyle", object("color", "var(--muted)", "width", 2));
        roof.put("tooltip", object("show", false));
        series.add(roof);
        int colour = 0;
        for (Map.Entry<String, List<Object>> ofKind : points.entrySet()) {
            series.add(
                    object(
                            "name",
                            ofKind.getKey(),
                            "type",
                            "scatter",
                            "symbolSize",
                            9,
                            "itemStyle",
                            object("color", "palette:" + colour++, "opacity", 0.75),
                            "data",
                            ofKind.getValue()));
        }
        Map<String, Object> x = Charts.valueAxis("FLOP/byte", "format:number");
        x.put("type", "log");
        x.put("min", left);
        x.put("max", right);
        Map<String, Object> y = Charts.verticalAxis("format:number");
        y.put("type", "log");
        y.put("name", "GFLOP/s");
        Map<String, Object> grid = Charts.grid();
        grid.put("top", 66);
        grid.put("bottom", 36);
        page.chart(
                "Achieved GFLOP/s by arithmetic intensity, both logarithmic",
                object(
                        "legend",
                        Charts.legend(),
                        "grid",
                        grid,
                        "tooltip",
                        Charts.itemTooltip(),
                        "xAxis",
                        x,
                        "yAxis",
                        y,
                        "series",
                        series),
                TALL);
    }

    // ---------------------------------------------------------------- launches

    private void trace() {
        page.section("Launches and library calls");
        page.text(
                "What the device was asked to do in a step, each call timed by an event before and"
                        + " one after it. Bytes and FLOPs are counted from the shapes of operands: each"
                        + " operand once, whether it lies in a cache or not; FLOPs of products and"
                        + " convolutions. Calls marked “beside” run on a stream of their own while"
                        + " others do. What is left of the step's time is the device waiting, for the"
                        + " host to launch or for what the host does between. A traced step is not"
                        + " recorded, so it waits more than others.");
        page.table(profile.trace().table());
    }

    // ---------------------------------------------------------------- counts

    private void recomputation() {
        page.section("Recomputation");
        String flops = Units.percent(profile.recomputedShare());
        String elements =
                String.format(Locale.ROOT, "%.1f million", profile.recomputedElements() / 1e6);
        StringBuilder text = new StringBuilder();
        text.append(plan.strategy()).append(" makes ").append(elements);
        text.append(" batch-norm outputs of a step again instead of keeping them, and computes ");
        text.append(flops).append(" of the step's FLOPs a second time.");
        if (profile.recomputedSecondsEstimate() > 0) {
            text.append(" If these run at the average rate of their operations, they take ");
            text.append(
                    Units.percent(
                            profile.recomputedSecondsEstimate() / profile.operationSeconds()));
            text.append(" of the time.");
        }
        page.text(text.toString());
    }

    private void allOperations() {
        page.section("Every operation");
        Table table =
                Table.of(
                        "Operations in the order they run",
                        "operation",
                        "live bytes",
                        "median",
                        "min",
                        "max",
                        "GFLOP",
                        "GFLOP/s",
                        "GB",
                        "GB/s");
        for (OperationProfile o : profile.operations()) {
            table.row(
                    label(o.operation()),
                    Bytes.format(plan.liveBytes(o.operation().index())),
                    Units.seconds(o.time().median()),
                    Units.seconds(o.time().min()),
                    Units.seconds(o.time().max()),
                    giga(o.cost().flops()),
                    giga(o.flopsPerSecond()),
                    giga(o.cost().bytes()),
                    giga(o.bytesPerSecond()));
        }
        page.foldedTable(table);
    }

    private static String giga(double value) {
        if (value == 0) {
            return "–";
        }
        return String.format(Locale.ROOT, value < 1e10 ? "%.3f" : "%.1f", value / 1e9);
    }
}
