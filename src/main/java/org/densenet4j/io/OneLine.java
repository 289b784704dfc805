package org.densenet4j.io;

import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * Names of files and classes as they are printed: a name may hold a line break, what moves a
 * terminal's cursor or turns the direction of writing, a line of output may not.
 */
public final class OneLine {
    private static final int MOST = 120;
    private static final int LISTED = 5;
    private static final char LINE_SEPARATOR = '\u2028';
    private static final char PARAGRAPH_SEPARATOR = '\u2029';

    /** Invisible, and at the start of what Windows calls UTF-8. */
    private static final char BYTE_ORDER_MARK = '\ufeff';

    /** Marks, embeddings, overrides and isolates of the Unicode bidirectional algorithm. */
    private static final String DIRECTIONS =
            "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069";

    private OneLine() {}

    /**
     * {@return the text with control characters written as {@code \n}, {@code \t} or {@code
     * \u001b}}
     *
     * @param text may have several lines
     */
    public static String of(String text) {
        Objects.requireNonNull(text, "text");
        if (text.chars().noneMatch(OneLine::breaks)) {
            return text;
        }
        StringBuilder line = new StringBuilder(text.length() + 8);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '\n' -> line.append("\\n");
                case '\r' -> line.append("\\r");
                case '\t' -> line.append("\\t");
                default ->
                        line.append(
                                breaks(c)
                                        ? String.format(Locale.ROOT, "\\u%04x", (int) c)
                                        : "" + c);
            }
        }
        return line.toString();
    }

    /**
     * {@return the same of text that may be long: its beginning}
     *
     * @param text may have several lines
     */
    public static String shortened(String text) {
        Objects.requireNonNull(text, "text");
        return of(text.length() <= MOST ? text : text.substring(0, MOST) + "...");
    }

    /**
     * {@return the first few names, and how many more there are}
     *
     * @param names all of them, in their order
     */
    public static String listed(List<String> names) {
        Objects.requireNonNull(names, "names");
        String some = of(String.join(", ", names.subList(0, Math.min(LISTED, names.size()))));
        return names.size() <= LISTED ? some : some + " and " + (names.size() - LISTED) + " more";
    }

    private static boolean breaks(int c) {
        return Character.isISOControl(c)
                || c == LINE_SEPARATOR
                || c == PARAGRAPH_SEPARATOR
                || c == BYTE_ORDER_MARK
                || DIRECTIONS.indexOf(c) >= 0;
    }
}
