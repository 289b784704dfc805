package org.densenet4j.cli;

import org.densenet4j.backend.Device;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.plan.Bytes;
import org.densenet4j.plan.Category;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.train.ParameterGroups;
import org.densenet4j.train.Recipe;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;

/** {@code densenet4j plan}. */
@Command(
        name = "plan",
        description =
                "Shows the memory of a training step under each strategy, without allocating.",
        mixinStandardHelpOptions = true)
final class PlanCommand implements Callable<Integer> {
    @Mixin private ModelOption model;
    @Mixin private DeviceOption device;
    @Mixin private BatchOption batch;

    @Option(
            names = "--memory-budget",
            paramLabel = "SIZE",
            description = "also show the largest batch that fits, such as 450MB or 2GiB")
    private String budget;

    @Option(
            names = "--optimiser",
            paramLabel = "NAME",
            defaultValue = "SGD",
            description =
                    "what trains, and remembers something of each parameter: SGD, RMSPROP, ADAM or"
                            + " ADAMW (default: ${DEFAULT-VALUE})")
    private Recipe.Optimisation optimiser;

    @Option(
            names = "--freeze",
            split = ",",
            paramLabel = "NAME",
            description =
                    "modules or parameters that are not trained, such as"
                            + " features.conv0,features.norm0,features.denseblock1")
    private String[] freeze = {};

    /** For picocli. */
    PlanCommand() {}

    private MemoryPlan.Builder plan(NetworkSpec spec, MemoryStrategy strategy) {
        Recipe recipe = Recipe.preset("glyphs").with(Map.of("optimiser", optimiser.name()));
        return MemoryPlan.of(spec)
                .strategy(strategy)
                .frozen(ParameterGroups.NONE.freezing(freeze).frozen(spec.graph()))
                .optimiserState(recipe.optimiserState());
    }

    @Override
    public Integer call() {
        NetworkSpec spec = model.spec("bc-100-12");
        int images = batch.of(spec);
        Long bytes = budget == null ? null : Bytes.parse(budget);
        try (Device d = device.open()) {
            MemoryPlan[] plans = new MemoryPlan[MemoryStrategy.values().length];
            for (MemoryStrategy s : MemoryStrategy.values()) {
                plans[s.ordinal()] = plan(spec, s).batch(images).on(d);
            }
            System.out.println(spec + ", batch " + images);
            System.out.printf(Locale.ROOT, "%-22s", "");
            for (MemoryStrategy s : MemoryStrategy.values()) {
                System.out.printf(Locale.ROOT, "%14s", s);
            }
            System.out.println();
            for (Category category : Category.values()) {
                System.out.printf(
                        Locale.ROOT,
                        "%-22s",
                        category.name().toLowerCase(Locale.ROOT).replace('_', ' '));
                for (MemoryPlan plan : plans) {
                    Map<Category, Long> atPeak = plan.bytesAtPeak();
                    System.out.printf(Locale.ROOT, "%14s", Bytes.format(atPeak.get(category)));
                }
                System.out.println();
            }
            System.out.printf(Locale.ROOT, "%-22s", "peak");
            for (MemoryPlan plan : plans) {
                System.out.printf(Locale.ROOT, "%14s", Bytes.format(plan.peakBytes()));
            }
            System.out.printf(Locale.ROOT, "%n%-22s", "activations of that");
            for (MemoryPlan plan : plans) {
                System.out.printf(Locale.ROOT, "%14s", Bytes.format(plan.activationBytes()));
            }
            System.out.println();
            if (bytes != null) {
                System.out.printf(Locale.ROOT, "%-22s", "largest batch");
                for (MemoryStrategy s : MemoryStrategy.values()) {
                    System.out.printf(
                            Locale.ROOT,
                            "%14s",
                            plan(spec, s)
                                    .largestBatch(d, bytes)
                                    .map(String::valueOf)
                                    .orElse("none"));
                }
                System.out.println(" in " + Bytes.format(bytes));
            }
        }
        return 0;
    }
}
