package org.densenet4j.profile;

import org.densenet4j.plan.Buffer;
import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.profile.Profile.OperationProfile;
import org.densenet4j.report.Figure;
import org.densenet4j.report.Figure.Box;
import org.densenet4j.report.Figure.Series;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** The main pictures of a profile. */
final class ProfileFigures {
    private ProfileFigures() {}

    /** Live bytes by category over the operations. */
    static Figure timeline(MemoryPlan plan) {
        int count = plan.operations().size();
        Map<String, double[]> series = new LinkedHashMap<>();
        for (Category c : Category.values()) {
            double[] megabytes =
                    IntStream.range(0, count)
                            .mapToDouble(o -> plan.bytesAt(o).get(c) / 1e6)
                            .toArray();
            if (IntStream.range(0, count).anyMatch(o -> megabytes[o] > 0)) {
                series.put(Units.name(c), megabytes);
            }
        }
        double[] x = IntStream.range(0, count).asDoubleStream().toArray();
        return Figure.areas(
                title("Memory during a training step", plan),
                "operation (forward, backward, update)",
                "MB",
                x,
                series);
    }

    /** Addresses over the operations. */
    static Figure arena(MemoryPlan plan) {
        List<String> names = new ArrayList<>();
        for (Category c : Category.values()) {
            names.add(Units.name(c));
        }
        List<Box> boxes = new ArrayList<>();
        for (Buffer b : plan.buffers()) {
            if (b.bytes() > 0) {
                boxes.add(
                        new Box(
                                b.category().ordinal(),
                                b.first(),
                                b.last() + 1,
                                b.offset() / 1e6,
                                (b.offset() + b.bytes()) / 1e6));
            }
        }
        return Figure.boxes(
                title("Places in the arena", plan), "operation", "address, MB", names, boxes);
    }

    /** Achieved rates against the device's ceilings. */
    static Figure roofline(Profile p) {
        OperationKind kindOf = OperationKind.in(p.plan().spec().graph());
        Map<String, List<OperationProfile>> kinds = new LinkedHashMap<>();
        for (OperationProfile o : p.operations()) {
            if (o.cost().flops() > 0 && o.time().count() > 0) {
                kinds.computeIfAbsent(kindOf.of(o.operation()), k -> new ArrayList<>()).add(o);
            }
        }
        List<Series> points = new ArrayList<>();
        double low = Double.POSITIVE_INFINITY;
        double high = 0;
        for (Map.Entry<String, List<OperationProfile>> kind : kinds.entrySet()) {
            double[] x = kind.getValue().stream().mapToDouble(o -> o.cost().intensity()).toArray();
            double[] y =
                    kind.getValue().stream().mapToDouble(o -> o.flopsPerSecond() / 1e9).toArray();
            points.add(new Series(kind.getKey(), x, y));
            for (double intensity : x) {
                low = Math.min(low, intensity);
                high = Math.max(high, intensity);
            }
        }
        Ceilings c = p.ceilings();
        double ridge = c.flopsPerSecond() / c.bytesPerSecond();
        double[] x = {Math.min(low, ridge) / 2, ridge, Math.max(high, ridge) * 2};
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            y[i] = c.attainable(x[i]) / 1e9;
        }
        return Figure.logarithmicPoints(
                title("Roofline", p.plan()),
                "FLOP/byte",
                "GFLOP/s",
                points,
                List.of(new Series("measured ceilings", x, y)));
    }

    private static String title(String what, MemoryPlan plan) {
        return what
                + ": "
                + plan.spec().name()
                + ", batch "
                + plan.batch()
                + ", "
                + plan.strategy();
    }
}
