package org.densenet4j.bench;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.spec.FamilySpec;

import java.nio.file.Path;
import java.util.List;

/**
 * What a comparison is made of, from the {@code bench.*} system properties.
 *
 * @param models {@code name:batch}
 * @param precisions to compare in
 * @param rounds most processes of one contender
 * @param steps of a process, the first half warm-up; inference takes twice as many
 * @param warmUpSeconds shortest time of warm-up
 * @param threads of either side
 * @param isa what either side is held to
 * @param oursOnly whether libtorch is left out
 * @param folder where the table and the JSON go
 */
record Settings(
        List<String> models,
        List<Precision> precisions,
        int rounds,
        int steps,
        int warmUpSeconds,
        int threads,
        CpuIsa isa,
        boolean oursOnly,
        Path folder) {
    private static final String MODELS = "bc-100-12:64,densenet121:16";

    /** What the properties say; {@code bench.smoke} makes everything tiny. */
    static Settings ofThisProcess() {
        boolean smoke = BenchProperties.flag("bench.smoke");
        return new Settings(
                models(smoke ? "bc-40-12:4" : BenchProperties.text("bench.models", MODELS)),
                BenchProperties.precisions(),
                smoke ? 1 : BenchProperties.number("bench.rounds", 3),
                smoke ? 2 : BenchProperties.number("bench.steps", 8),
                smoke ? 0 : BenchProperties.number("bench.warmUpSeconds", 15),
                BenchProperties.threads(),
                BenchProperties.isa(),
                BenchProperties.flag("bench.oursOnly"),
                Path.of(BenchProperties.text("bench.folder", "target")));
    }

    private static List<String> models(String text) {
        List<String> models = BenchProperties.words(text);
        for (String model : models) {
            if (!model.matches("[^:]+:[1-9]\\d{0,3}")) {
                throw new IllegalArgumentException(
                        "-Dbench.models=" + text + ": use MODEL:BATCH, such as " + MODELS);
            }
            FamilySpec.preset(model.split(":", 2)[0]);
        }
        return models;
    }
}
