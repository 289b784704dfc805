package org.densenet4j.train;

import java.util.Comparator;
import java.util.List;

/** Finds what somebody probably meant. */
final class Nearest {
    private Nearest() {}

    /** {@code "; did you mean 'x'?"}, or all names where none is near. */
    static String hint(String wrong, List<String> names) {
        String guess = guess(wrong, names);
        return guess.isEmpty() ? "; use one of " + String.join(", ", names) : guess;
    }

    /** {@code "; did you mean 'x'?"}, or nothing where none of many names is near. */
    static String guess(String wrong, List<String> names) {
        String nearest =
                names.stream()
                        .min(Comparator.comparingInt(name -> distance(wrong, name)))
                        .orElseThrow();
        return distance(wrong, nearest) <= Math.max(2, wrong.length() / 2)
                ? "; did you mean '" + nearest + "'?"
                : "";
    }

    /** Levenshtein's: insertions, deletions and replacements. */
    private static int distance(String a, String b) {
        int[] previous = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            previous[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int[] current = new int[b.length() + 1];
            current[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = previous[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                current[j] = Math.min(replaced, 1 + Math.min(previous[j], current[j - 1]));
            }
            previous = current;
        }
        return previous[b.length()];
    }
}
