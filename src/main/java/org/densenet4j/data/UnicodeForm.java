package org.densenet4j.data;

import java.text.Normalizer;
import java.util.Collection;

/**
 * Names that look the same and are not: "é" is one character as most systems write it and two as
 * macOS once stored names of files (Unicode Standard Annex 15, NFC and NFD).
 */
final class UnicodeForm {
    /** What to say where two names differ in nothing else. */
    static final String HINT =
            " (it differs in the Unicode form, NFC or NFD, of its accents: rename one of both)";

    private UnicodeForm() {}

    /** The name with every accent in one form. */
    static String composed(String name) {
        return Normalizer.normalize(name, Normalizer.Form.NFC);
    }

    /** {@link #HINT} where one of the names differs in form alone, and nothing elsewhere. */
    static String hint(String name, Collection<String> names) {
        return names.stream().anyMatch(n -> !n.equals(name) && composed(n).equals(composed(name)))
                ? HINT
                : "";
    }
}
