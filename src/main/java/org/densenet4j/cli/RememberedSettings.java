package org.densenet4j.cli;

import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Settings that a run remembers, by the names of the options that they are of. Each one is taken
 * out; what is given on the command line goes before it.
 */
final class RememberedSettings {
    private final Map<String, String> settings;
    private final Predicate<String> given;

    /**
     * Settings to take back.
     *
     * @param settings loses those that are taken
     * @param given tells whether an option is on the command line
     */
    RememberedSettings(Map<String, String> settings, Predicate<String> given) {
        this.settings = settings;
        this.given = given;
    }

    /** Takes a setting; empty where there is none or its option is given. */
    Optional<String> take(String key) {
        String saved = settings.remove(key);
        return given.test("--" + key) ? Optional.empty() : Optional.ofNullable(saved);
    }

    /** Takes a text into its option. */
    void text(String key, Consumer<String> option) {
        take(key).ifPresent(option);
    }

    /**
     * Takes a number into its option.
     *
     * @param parse reads it as the option does, whatever its size
     * @throws IllegalArgumentException when it is none
     */
    <N> void number(String key, Function<String, N> parse, Consumer<N> option) {
        text(
                key,
                text -> {
                    N value;
                    try {
                        value = parse.apply(text);
                    } catch (NumberFormatException e) {
                        throw new IllegalArgumentException(
                                key + " = " + text + ": is not a whole number", e);
                    }
                    option.accept(value);
                });
    }

    /**
     * Takes a switch into its option.
     *
     * @throws IllegalArgumentException when it is neither true nor false
     */
    void flag(String key, Consumer<Boolean> option) {
        text(
                key,
                text -> {
                    if (!text.equals("true") && !text.equals("false")) {
                        throw new IllegalArgumentException(
                                key + " = " + text + ": use true or false");
                    }
                    option.accept(Boolean.valueOf(text));
                });
    }
}
