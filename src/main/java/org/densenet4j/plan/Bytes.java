package org.densenet4j.plan;

import java.util.Locale;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes of memory as people write them. MB and GB are decimal, as in the literature's tables. */
public final class Bytes {
    private static final Pattern SIZE =
            Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*([kKmMgG]?)(i?)[bB]?");

    private Bytes() {}

    /**
     * Refuses a memory budget that leaves nothing to plan with.
     *
     * @param budget bytes
     * @return the budget
     * @throws IllegalArgumentException when it is 0 or negative
     */
    public static long requireBudget(long budget) {
        if (budget < 1) {
            throw new IllegalArgumentException(
                    "memory budget = " + budget + " bytes: use a positive number of bytes");
        }
        return budget;
    }

    /**
     * {@return {@code 361.2 MB}}
     *
     * @param bytes a size, also a negative one
     */
    public static String format(long bytes) {
        if (bytes < 1_000_000) {
            return String.format(Locale.ROOT, "%.1f kB", bytes / 1e3);
        }
        if (bytes < 10_000_000_000L) {
            return String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
        }
        return String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
    }

    /**
     * Reads {@code 450MB}, {@code 2GiB}, {@code 1.5g}, {@code 1000000}.
     *
     * @param text a number with a unit or none, in decimal or binary multiples
     * @return bytes, 1 or more
     * @throws IllegalArgumentException when it is none of these
     */
    public static long parse(String text) {
        Objects.requireNonNull(text, "text");
        Matcher m = SIZE.matcher(text.strip());
        if (!m.matches()) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not a size of memory; write for example 450MB or 2GiB");
        }
        double unit = m.group(3).isEmpty() ? 1000 : 1024;
        double factor =
                switch (m.group(2).toLowerCase(Locale.ROOT)) {
                    case "k" -> unit;
                    case "m" -> unit * unit;
                    case "g" -> unit * unit * unit;
                    default -> 1;
                };
        double bytes = Double.parseDouble(m.group(1)) * factor;
        if (bytes < 1 || bytes > Long.MAX_VALUE / 2.0) {
            throw new IllegalArgumentException("'" + text + "' is out of range");
        }
        return (long) bytes;
    }
}
