package org.densenet4j.profile;

import org.densenet4j.plan.Category;

import java.util.Locale;

/** Numbers with units, as reports show them. */
final class Units {
    private Units() {}

    static String seconds(double seconds) {
        if (seconds <= 0) {
            return "–";
        }
        if (seconds < 1e-3) {
            return String.format(Locale.ROOT, "%.0f µs", seconds * 1e6);
        }
        return seconds < 1
                ? String.format(Locale.ROOT, "%.2f ms", seconds * 1e3)
                : String.format(Locale.ROOT, "%.3f s", seconds);
    }

    static String rate(double perSecond, String unit) {
        if (perSecond <= 0) {
            return "–";
        }
        double giga = perSecond / 1e9;
        return String.format(Locale.ROOT, giga < 10 ? "%.2f G%s" : "%.0f G%s", giga, unit);
    }

    static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }

    static String name(Category category) {
        return category.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
}
