package org.densenet4j.bench;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.spec.DenseNetSpec;

import java.nio.file.Path;
import java.util.List;

/**
 * What a comparison of latencies is made of, from the {@code bench.*} system properties.
 *
 * @param models presets
 * @param batches images of a call
 * @param precisions to compare in
 * @param rounds most processes of one contender at each batch
 * @param calls most calls that a process times
 * @param seconds for which a process times calls, {@link #FEWEST} of them at least
 * @param warmUpSeconds shortest time of warm-up
 * @param starts processes of each contender whose start and first call are timed
 * @param threads of either side
 * @param isa what either side is held to
 * @param oursOnly whether the peers are left out
 * @param folder where the table and the JSON go
 */
record LatencySettings(
        List<String> models,
        List<Integer> batches,
        List<Precision> precisions,
        int rounds,
        int calls,
        int seconds,
        int warmUpSeconds,
        int starts,
        int threads,
        CpuIsa isa,
        boolean oursOnly,
        Path folder) {
    /** Calls that are timed, and that warm up, however long they take. */
    static final int FEWEST = 10;

    /** What the properties say; {@code bench.smoke} makes everything tiny. */
    static LatencySettings ofThisProcess() {
        boolean smoke = BenchProperties.flag("bench.smoke");
        return new LatencySettings(
                models(
                        smoke
                                ? "bc-40-12"
                                : BenchProperties.text(
                                        "bench.latencyModels", "bc-100-12,densenet121")),
                smoke
                        ? List.of(2)
                        : BenchProperties.numbers("bench.latencyBatches", "1,2,4,8,16,32"),
                BenchProperties.precisions(),
                smoke ? 1 : BenchProperties.number("bench.latencyRounds", 3),
                smoke ? FEWEST : BenchProperties.number("bench.latencyCalls", 1000),
                smoke ? 1 : BenchProperties.number("bench.latencySeconds", 8),
                smoke ? 0 : BenchProperties.number("bench.latencyWarmUpSeconds", 5),
                smoke ? 1 : BenchProperties.number("bench.latencyStarts", 7),
                BenchProperties.threads(),
                BenchProperties.isa(),
                BenchProperties.flag("bench.oursOnly"),
                Path.of(BenchProperties.text("bench.folder", "target")));
    }

    private static List<String> models(String text) {
        List<String> models = BenchProperties.words(text);
        models.forEach(DenseNetSpec::preset);
        return models;
    }

    int largestBatch() {
        return batches.stream().mapToInt(Integer::intValue).max().orElseThrow();
    }
}
