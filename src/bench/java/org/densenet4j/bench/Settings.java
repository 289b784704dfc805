package org.densenet4j.bench;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What a comparison is made of, from the {@code bench.*} system properties.
 *
 * @param models {@code name:batch}
 * @param precisions to compare in
 * @param rounds most processes of one contender
 * @param steps of a process, the first half warm-up; inference takes twice as many
 * @param threads of either side
 * @param oursOnly whether libtorch is left out
 * @param folder where the table and the JSON go
 */
record Settings(
        List<String> models,
        List<Precision> precisions,
        int rounds,
        int steps,
        int threads,
        boolean oursOnly,
        Path folder) {

    /** What the properties say; {@code bench.smoke} makes everything tiny. */
    static Settings ofThisProcess() {
        boolean smoke = flag("bench.smoke");
        return new Settings(
                words(smoke ? "bc-40-12:4" : text("bench.models", "bc-100-12:64,densenet121:16")),
                words(text("bench.precisions", "fp32,bf16")).stream()
                        .map(name -> Precision.valueOf(name.toUpperCase(Locale.ROOT)))
                        .toList(),
                smoke ? 1 : number("bench.rounds", 3),
                smoke ? 2 : number("bench.steps", 8),
                number("bench.threads", Runtime.getRuntime().availableProcessors()),
                flag("bench.oursOnly"),
                Path.of(text("bench.folder", "target")));
    }

    private static String text(String property, String otherwise) {
        String value = System.getProperty(property, "").strip();
        return value.isEmpty() ? otherwise : value;
    }

    private static boolean flag(String property) {
        return List.of("true", "").contains(System.getProperty(property, "false"));
    }

    private static int number(String property, int otherwise) {
        String value = text(property, String.valueOf(otherwise));
        if (!value.matches("[1-9]\\d{0,3}")) {
            throw new IllegalArgumentException(
                    "-D" + property + "=" + value + ": use a number from 1 to 9999");
        }
        return Integer.parseInt(value);
    }

    private static List<String> words(String text) {
        return Arrays.asList(text.split("[,\\s]+", -1));
    }
}
