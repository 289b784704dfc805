package org.densenet4j.report;

import org.densenet4j.io.OneLine;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * A table for a page or a terminal. Columns whose cells are all numbers, with or without a unit,
 * are right-aligned.
 */
public final class Table {
    private static final Pattern NUMBER = Pattern.compile("[-−+≥≤<>]?\\s?\\d.*|–?");

    private final String caption;
    private final List<String> columns;
    private final List<List<String>> rows = new ArrayList<>();

    private Table(String caption, List<String> columns) {
        this.caption = caption;
        this.columns = columns;
    }

    /**
     * {@return an empty table}
     *
     * @param caption what it shows, read aloud by screen readers
     * @param columns headings
     */
    public static Table of(String caption, String... columns) {
        Objects.requireNonNull(caption, "caption");
        Objects.requireNonNull(columns, "columns");
        return new Table(caption, List.of(columns));
    }

    /**
     * Appends a row.
     *
     * @param cells text or numbers, one for each column
     * @return this
     * @throws IllegalArgumentException when it has not one cell for each column
     */
    public Table row(Object... cells) {
        Objects.requireNonNull(cells, "cells");
        if (cells.length != columns.size()) {
            throw new IllegalArgumentException(
                    cells.length + " cells for " + columns.size() + " columns");
        }
        List<String> row = new ArrayList<>();
        for (Object cell : cells) {
            row.add(OneLine.of(String.valueOf(cell)));
        }
        rows.add(row);
        return this;
    }

    /** {@return what it shows} */
    public String caption() {
        return caption;
    }

    /** {@return number of rows} */
    public int size() {
        return rows.size();
    }

    private boolean isNumeric(int column) {
        return rows.stream().allMatch(row -> NUMBER.matcher(row.get(column)).matches());
    }

    /** {@return aligned lines, the headings first} */
    public String text() {
        StringBuilder text = new StringBuilder();
        line(columns, text);
        rows.forEach(row -> line(row, text));
        return text.toString();
    }

    private void line(List<String> cells, StringBuilder text) {
        StringBuilder line = new StringBuilder();
        for (int c = 0; c < cells.size(); c++) {
            String padding = " ".repeat(width(c) - cells.get(c).length());
            line.append(isNumeric(c) ? padding + cells.get(c) : cells.get(c) + padding)
                    .append("  ");
        }
        text.append(line.toString().stripTrailing()).append('\n');
    }

    private int width(int column) {
        return rows.stream()
                .mapToInt(row -> row.get(column).length())
                .reduce(columns.get(column).length(), Math::max);
    }

    /** A {@code table} element. */
    String html() {
        // Seen above what scrolls, as a wide table's own caption is cut with it on a phone.
        StringBuilder html = new StringBuilder("<p class=\"caption\" aria-hidden=\"true\">");
        html.append(Html.escape(caption))
                .append("</p><div class=\"scroll\" tabindex=\"0\"><table>");
        html.append("<caption>").append(Html.escape(caption)).append("</caption><thead><tr>");
        for (int c = 0; c < columns.size(); c++) {
            html.append("<th scope=\"col\"").append(alignment(c)).append('>');
            html.append(Html.escape(columns.get(c))).append("</th>");
        }
        html.append("</tr></thead><tbody>\n");
        for (List<String> row : rows) {
            html.append("<tr>");
            for (int c = 0; c < row.size(); c++) {
                String element = c == 0 ? "th scope=\"row\"" : "td";
                html.append('<').append(element).append(alignment(c)).append('>');
                html.append(Html.escape(row.get(c)));
                html.append(c == 0 ? "</th>" : "</td>");
            }
            html.append("</tr>\n");
        }
        return html.append("</tbody></table></div>\n").toString();
    }

    private String alignment(int column) {
        return isNumeric(column) ? " class=\"number\"" : "";
    }
}
