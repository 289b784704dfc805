package org.densenet4j.spec;

import static org.densenet4j.spec.FieldChecks.require;

import java.util.List;

/**
 * A preset with changes: what is behind its name in {@code bc-100-12+doubling} or {@code
 * densenet121+width=0.5+depth=1.5}.
 */
final class PresetVariant {
    private static final String DOUBLING = "doubling";
    private static final String WIDTH = "width=";
    private static final String DEPTH = "depth=";

    private PresetVariant() {}

    /**
     * A preset as its name says that it is changed.
     *
     * @param name with all changes, which becomes the network's
     * @param changes what is between the pluses
     * @throws IllegalArgumentException when one is unknown, or not of this family
     */
    static FamilySpec.Builder of(FamilySpec.Builder preset, String name, List<String> changes) {
        double width = 1;
        double depth = 1;
        for (String change : changes) {
            if (change.equals(DOUBLING)) {
                doubling(preset, name);
            } else if (change.startsWith(WIDTH)) {
                width *= factor(name, change, WIDTH);
            } else if (change.startsWith(DEPTH)) {
                depth *= factor(name, change, DEPTH);
            } else {
                throw new IllegalArgumentException(
                        "'"
                                + name
                                + "': '+"
                                + change
                                + "' is unknown; use +doubling, +width=FACTOR or +depth=FACTOR");
            }
        }
        if (width != 1 || depth != 1) {
            scale(preset, name, width, depth);
        }
        return preset.name(name);
    }

    private static double factor(String name, String change, String field) {
        double factor;
        try {
            factor = Double.parseDouble(change.substring(field.length()));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "'" + name + "': '+" + change + "' has no number; use +" + field + "1.5", e);
        }
        require(
                Double.isFinite(factor) && factor > 0,
                "'" + name + "': '+" + change + "' is no factor; use one above 0");
        return factor;
    }

    private static void doubling(FamilySpec.Builder preset, String name) {
        switch (preset) {
            case DenseNetSpec.Builder b -> b.growthDoubles(true);
            case CondenseNetSpec.Builder _ ->
                    throw new IllegalArgumentException(
                            "'" + name + "': the growth rate of a CondenseNet doubles anyway");
            default ->
                    throw new IllegalArgumentException(
                            "'" + name + "': '+doubling' is for DenseNets");
        }
    }

    private static void scale(FamilySpec.Builder preset, String name, double width, double depth) {
        switch (preset) {
            case DenseNetSpec.Builder b -> b.scaled(width, depth);
            case FcDenseNetSpec.Builder b -> b.scaled(width, depth);
            case CondenseNetSpec.Builder b -> b.scaled(width, depth);
            default ->
                    throw new IllegalArgumentException(
                            "'"
                                    + name
                                    + "': '+width' and '+depth' are for DenseNets, FC-DenseNets and"
                                    + " CondenseNets");
        }
    }
}
