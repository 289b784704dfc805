package org.densenet4j.cli;

import org.densenet4j.weights.LoadOptions;

import picocli.CommandLine.Option;

/** The option that says which of several networks in a file of weights is meant. */
final class WeightsKeyOption {
    /** Of the setting. */
    static final String NAME = "weights-key";

    @Option(
            names = "--" + NAME,
            paramLabel = "KEY",
            defaultValue = "",
            description =
                    "with weights of several networks: the key of those that are meant, such as"
                            + " teacher or model_ema, or what their names start with")
    private String key;

    /** For picocli. */
    WeightsKeyOption() {}

    boolean isGiven() {
        return !key.isEmpty();
    }

    /** What a run has to remember of this option. */
    String setting() {
        return key;
    }

    /** Takes back what {@link #setting} told. */
    void restore(RememberedSettings settings) {
        settings.text(NAME, saved -> key = saved);
    }

    /** Options that also choose these weights. */
    LoadOptions in(LoadOptions options) {
        return isGiven() ? options.withWeightsKey(key) : options;
    }
}
