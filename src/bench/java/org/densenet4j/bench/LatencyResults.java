package org.densenet4j.bench;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Results of contenders that are compared by one quantity, in the order of measuring. */
final class LatencyResults {
    /** Within this of the fastest, a variant may still turn out to be the fastest. */
    private static final double CLOSE = 1.07;

    private final LatencyQuantity by;
    private final List<LatencyResult> all = new ArrayList<>();

    LatencyResults(LatencyQuantity by) {
        this.by = by;
    }

    LatencyResult add(LatencyContender contender) {
        LatencyResult result = new LatencyResult(contender);
        all.add(result);
        return result;
    }

    List<LatencyResult> all() {
        return List.copyOf(all);
    }

    /** Ours that were measured: one for each row of a table. */
    List<LatencyResult> ours() {
        return all.stream().filter(r -> r.isMeasured() && r.contender().isOurs()).toList();
    }

    /**
     * The fastest variant of a peer at the same model and batch. Who accepts bf16 accepts fp32,
     * too: there it is the fastest in either.
     */
    Optional<LatencyResult> fastest(LatencyContender of, LatencyContender.Engine engine) {
        return measured(of, engine)
                .filter(
                        r ->
                                of.precision() == Precision.BF16
                                        || r.contender().precision() == Precision.FP32)
                .min(comparator());
    }

    private Stream<LatencyResult> measured(LatencyContender of, LatencyContender.Engine engine) {
        return all.stream()
                .filter(r -> r.isMeasured() && r.contender().engine() == engine)
                .filter(r -> r.contender().isOfSamePoint(of));
    }

    private Comparator<LatencyResult> comparator() {
        return Comparator.comparingDouble(r -> r.median(by));
    }

    /** Whether another process of this contender could change what the table says. */
    boolean wants(LatencyResult r, int round) {
        if (round == 0) {
            return true;
        }
        LatencyContender c = r.contender();
        return r.isMeasured()
                && r.median(by)
                        <= CLOSE
                                * measured(c, c.engine())
                                        .filter(o -> o.contender().precision() == c.precision())
                                        .min(comparator())
                                        .orElseThrow()
                                        .median(by);
    }
}
