package org.densenet4j.profile;

import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.report.Json;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A sweep with its fits, as JSON. */
final class SweepData {
    private SweepData() {}

    static Map<String, Object> json(Sweep s) {
        List<Map<String, Object>> points =
                s.points().stream()
                        .map(
                                p ->
                                        Json.object(
                                                "strategy", p.strategy(),
                                                "value", p.value(),
                                                "batch", p.batch(),
                                                "predictedBytes", p.predictedBytes(),
                                                "medianSeconds",
                                                        p.measured() == null
                                                                ? null
                                                                : p.measured().stepTime().median()))
                        .toList();
        return Json.object(
                "variable", s.variable(),
                "fixed", s.fixed(),
                "fitsAreOver", s.variable().fitted(),
                "points", points,
                "fits", fits(s));
    }

    private static List<Map<String, Object>> fits(Sweep s) {
        List<Map<String, Object>> fits = new ArrayList<>();
        for (MemoryStrategy strategy : MemoryStrategy.values()) {
            long planned = s.of(strategy).size();
            long ran = s.of(strategy).stream().filter(p -> p.measured() != null).count();
            if (planned > 2) {
                fits.add(fit(strategy, "bytes", s.memoryFit(strategy, 1)));
            }
            if (ran > 2) {
                fits.add(fit(strategy, "seconds", s.timeFit(strategy, 1)));
            }
        }
        return fits;
    }

    private static Map<String, Object> fit(MemoryStrategy strategy, String of, PolynomialFit fit) {
        return Json.object(
                "strategy", strategy,
                "of", of,
                "coefficients", fit.coefficients(),
                "rSquared", fit.rSquared(),
                "largestResidual", fit.largestResidual());
    }
}
