package org.densenet4j.bench;

import org.densenet4j.spec.DenseNetSpec;

import java.nio.file.Path;
import java.util.ArrayList;
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
 * @param warmUpSeconds shortest time of warm-up
 * @param threads of either side
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
        boolean oursOnly,
        Path folder) {
    private static final String MODELS = "bc-100-12:64,densenet121:16";

    /** What the properties say; {@code bench.smoke} makes everything tiny. */
    static Settings ofThisProcess() {
        boolean smoke = flag("bench.smoke");
        return new Settings(
                models(smoke ? "bc-40-12:4" : text("bench.models", MODELS)),
                precisions(text("bench.precisions", "fp32,bf16")),
                smoke ? 1 : number("bench.rounds", 3),
                smoke ? 2 : number("bench.steps", 8),
                smoke ? 0 : number("bench.warmUpSeconds", 15),
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

    private static List<String> models(String text) {
        List<String> models = words(text);
        for (String model : models) {
            if (!model.matches("[^:]+:[1-9]\\d{0,3}")) {
                throw new IllegalArgumentException(
                        "-Dbench.models=" + text + ": use MODEL:BATCH, such as " + MODELS);
            }
            DenseNetSpec.preset(model.split(":", 2)[0]);
        }
        return models;
    }

    private static List<Precision> precisions(String text) {
        List<Precision> precisions = new ArrayList<>();
        for (String name : words(text.toUpperCase(Locale.ROOT))) {
            if (!name.equals("FP32") && !name.equals("BF16")) {
                throw new IllegalArgumentException(
                        "-Dbench.precisions=" + text + ": use fp32, bf16 or fp32,bf16");
            }
            precisions.add(Precision.valueOf(name));
        }
        return precisions;
    }

    private static List<String> words(String text) {
        return Arrays.asList(text.split("[,\\s]+", -1));
    }
}
