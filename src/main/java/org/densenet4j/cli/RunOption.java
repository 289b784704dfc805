package org.densenet4j.cli;

import org.densenet4j.plan.Bytes;

import picocli.CommandLine.Option;

import java.util.Map;

/** Options of how a run is carried out; what it ends with does not depend on them. */
final class RunOption {
    private static final String NO_BUDGET = "none";

    @Option(
            names = "--memory-budget",
            paramLabel = "SIZE",
            defaultValue = NO_BUDGET,
            description =
                    "refuse to start when the plan needs more, such as 450MB or 2GiB (default:"
                            + " ${DEFAULT-VALUE})")
    private String memoryBudget;

    @Option(
            names = "--save-every",
            paramLabel = "STEPS",
            defaultValue = "0",
            description = "also save a checkpoint every so many steps (default: each epoch)")
    private long saveEvery;

    /** For picocli. */
    RunOption() {}

    /** What a run has to remember of these options. */
    Map<String, String> settings() {
        return Map.of(
                "memory-budget", memoryBudget.strip(), "save-every", String.valueOf(saveEvery));
    }

    /** Takes back what {@link #settings} told. */
    void restore(RememberedSettings settings) {
        settings.text("memory-budget", saved -> memoryBudget = saved);
        settings.number("save-every", Long::parseLong, saved -> saveEvery = saved);
    }

    /**
     * The most bytes that a plan may need.
     *
     * @throws IllegalArgumentException when the option is no size of memory
     */
    long memoryBudget() {
        return memoryBudget.strip().equals(NO_BUDGET) ? Long.MAX_VALUE : Bytes.parse(memoryBudget);
    }

    /** Steps between two checkpoints; 0 for those of each epoch only. */
    long saveEvery() {
        return saveEvery;
    }
}
