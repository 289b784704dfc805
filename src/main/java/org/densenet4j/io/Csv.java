package org.densenet4j.io;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * Comma-separated values as RFC 4180 has them: a cell with a comma, a quote or a line break is
 * quoted, and so is one that a spreadsheet would take for a formula. A number that does not exist,
 * or is not finite, is an empty cell.
 */
public final class Csv {
    private static final String FORMULA = "=+-@";
    private static final Pattern NUMBER = Pattern.compile("[-+]?\\d[\\d.]*([eE][-+]?\\d+)?");

    /** More than a double has. */
    private static final int MOST_DIGITS = 1000;

    private final StringBuilder text = new StringBuilder();

    /** Nothing yet. */
    public Csv() {}

    /**
     * {@return a table with a header line}
     *
     * @param columns the headings
     */
    public static Csv of(String... columns) {
        return new Csv().row((Object[]) Objects.requireNonNull(columns, "columns"));
    }

    /**
     * Adds a line. Cells are text, numbers, or null for an empty one.
     *
     * @param cells as many as there are headings
     * @return this
     */
    public Csv row(@Nullable Object... cells) {
        return row(Arrays.asList(Objects.requireNonNull(cells, "cells")));
    }

    /**
     * Adds a line.
     *
     * @param cells as many as there are headings
     * @return this
     */
    public Csv row(List<?> cells) {
        Objects.requireNonNull(cells, "cells");
        for (int c = 0; c < cells.size(); c++) {
            text.append(c == 0 ? "" : ",").append(cell(cells.get(c)));
        }
        text.append('\n');
        return this;
    }

    private static String cell(@Nullable Object value) {
        return switch (value) {
            case null -> "";
            case Double number -> Double.isFinite(number) ? number.toString() : "";
            case Float number -> Float.isFinite(number) ? number.toString() : "";
            case Number number -> number.toString();
            default -> quoted(value.toString());
        };
    }

    private static String quoted(String cell) {
        boolean plain = cell.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
        boolean formula =
                !cell.isEmpty()
                        && FORMULA.indexOf(cell.charAt(0)) >= 0
                        && !NUMBER.matcher(cell).matches();
        return plain && !formula ? cell : '"' + cell.replace("\"", "\"\"") + '"';
    }

    /**
     * {@return a number with so many decimals, or an empty cell}
     *
     * @param digits behind the point, from 0 to 1000
     * @param number an infinite one, or none, is an empty cell
     */
    public static String decimals(int digits, double number) {
        return format(digits, "f", number);
    }

    /**
     * {@return a number with so many significant digits, or an empty cell}
     *
     * @param digits that count, from 0 to 1000
     * @param number an infinite one, or none, is an empty cell
     */
    public static String significant(int digits, double number) {
        return format(digits, "g", number);
    }

    private static String format(int digits, String conversion, double number) {
        if (digits < 0 || digits > MOST_DIGITS) {
            throw new IllegalArgumentException("digits = " + digits + ": use 0 to " + MOST_DIGITS);
        }
        String format = "%." + digits + conversion;
        return Double.isFinite(number) ? String.format(Locale.ROOT, format, number) : "";
    }

    /** The lines so far. */
    @Override
    public String toString() {
        return text.toString();
    }

    /**
     * Takes a table apart; a last line without an end is a line.
     *
     * @param csv as this class writes it, or RFC 4180 has it
     * @return lines of cells, the headings first
     */
    public static List<List<String>> parse(String csv) {
        Objects.requireNonNull(csv, "csv");
        List<List<String>> rows = new ArrayList<>();
        List<String> row = new ArrayList<>();
        StringBuilder cell = new StringBuilder();
        boolean inQuotes = false;
        for (int i = 0; i < csv.length(); i++) {
            char c = csv.charAt(i);
            if (inQuotes) {
                if (c != '"') {
                    cell.append(c);
                } else if (i + 1 < csv.length() && csv.charAt(i + 1) == '"') {
                    cell.append('"');
                    i++;
                } else {
                    inQuotes = false;
                }
            } else if (c == '"') {
                inQuotes = true;
            } else if (c == ',' || c == '\n') {
                row.add(cell.toString());
                cell.setLength(0);
                if (c == '\n') {
                    rows.add(row);
                    row = new ArrayList<>();
                }
            } else if (c != '\r') {
                cell.append(c);
            }
        }
        if (!row.isEmpty() || !cell.isEmpty()) {
            row.add(cell.toString());
            rows.add(row);
        }
        return rows;
    }
}
