package org.densenet4j.bench;

import org.densenet4j.backend.CpuIsa;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The {@code bench.*} system properties, read and refused in one place. */
final class BenchProperties {
    private BenchProperties() {}

    static String text(String property, String otherwise) {
        String value = System.getProperty(property, "").strip();
        return value.isEmpty() ? otherwise : value;
    }

    static boolean flag(String property) {
        return List.of("true", "").contains(System.getProperty(property, "false"));
    }

    static int number(String property, int otherwise) {
        return number(property, text(property, String.valueOf(otherwise)));
    }

    private static int number(String property, String value) {
        if (!value.matches("[1-9]\\d{0,3}")) {
            throw new IllegalArgumentException(
                    "-D" + property + "=" + value + ": use a number from 1 to 9999");
        }
        return Integer.parseInt(value);
    }

    static List<Integer> numbers(String property, String otherwise) {
        return words(text(property, otherwise)).stream().map(w -> number(property, w)).toList();
    }

    static List<Precision> precisions() {
        String text = text("bench.precisions", "fp32,bf16");
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

    static int threads() {
        return number("bench.threads", Runtime.getRuntime().availableProcessors());
    }

    /** What both sides are held to. */
    static CpuIsa isa() {
        String name = text("bench.isa", CpuIsa.BEST.toString());
        if (name.equals(CpuIsa.NONE.toString())) {
            throw new IllegalArgumentException("-Dbench.isa=none: use avx512 or avx2");
        }
        return CpuIsa.named(name);
    }

    static List<String> words(String text) {
        return Arrays.asList(text.split("[,\\s]+", -1));
    }
}
