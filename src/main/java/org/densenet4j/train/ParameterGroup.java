package org.densenet4j.train;

import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.regex.Pattern;

/**
 * Parameters whose names match a pattern, and what they have other than the optimiser says.
 *
 * @param pattern a name in which {@code *} stands for anything: {@code classifier.*}
 * @param rateScale factor of the learning rate, 0 or more
 * @param weightDecay instead of the optimiser's, or empty for that
 * @param frozen whether they are not trained
 */
public record ParameterGroup(
        String pattern, double rateScale, OptionalDouble weightDecay, boolean frozen) {
    private static final String USE =
            ": use PATTERN: SETTING ..., with rate-scale=X, weight-decay=X or frozen, such as"
                    + " 'classifier.*: rate-scale=10 weight-decay=0'";

    /** Checks the ranges. */
    public ParameterGroup {
        Objects.requireNonNull(weightDecay, "weightDecay");
        if (Objects.requireNonNull(pattern, "pattern").isBlank()) {
            throw new IllegalArgumentException("a group of parameters has an empty pattern" + USE);
        }
        Sgd.requireRange("rate-scale of '" + pattern + "'", rateScale, 0, 1e6);
        String decayed = "weight-decay of '" + pattern + "'";
        weightDecay.ifPresent(decay -> Sgd.requireRange(decayed, decay, 0, 1));
    }

    /**
     * {@return a group that has everything as the optimiser says}
     *
     * @param pattern a name in which {@code *} stands for anything
     */
    public static ParameterGroup of(String pattern) {
        return new ParameterGroup(pattern, 1, OptionalDouble.empty(), false);
    }

    /**
     * {@return this group with a factor of the learning rate}
     *
     * @param factor 0 or more
     */
    public ParameterGroup rateScale(double factor) {
        return new ParameterGroup(pattern, factor, weightDecay, frozen);
    }

    /**
     * {@return this group with a weight decay of its own}
     *
     * @param decay from 0, for none, to 1
     */
    public ParameterGroup weightDecay(double decay) {
        return new ParameterGroup(pattern, rateScale, OptionalDouble.of(decay), frozen);
    }

    /** {@return this group, not trained} */
    public ParameterGroup freeze() {
        return new ParameterGroup(pattern, rateScale, weightDecay, true);
    }

    static ParameterGroup parse(String text) {
        int colon = text.indexOf(':');
        if (colon < 1 || text.substring(colon + 1).isBlank()) {
            throw new IllegalArgumentException("param-groups = " + text + USE);
        }
        ParameterGroup group = of(text.substring(0, colon).strip());
        for (String setting : text.substring(colon + 1).strip().split("[\\s,]+")) {
            String[] parts = setting.split("=", 2);
            try {
                group =
                        switch (parts[0] + parts.length) {
                            case "rate-scale2" -> group.rateScale(Double.parseDouble(parts[1]));
                            case "weight-decay2" -> group.weightDecay(Double.parseDouble(parts[1]));
                            case "frozen1" -> group.freeze();
                            default ->
                                    throw new IllegalArgumentException(
                                            "param-groups = " + text + USE);
                        };
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException(
                        "param-groups = " + text + ": " + parts[1] + " is not a number", e);
            }
        }
        return group;
    }

    boolean matches(String name) {
        StringBuilder regex = new StringBuilder();
        for (String literal : pattern.split("\\*", -1)) {
            regex.append(regex.isEmpty() ? "" : ".*").append(Pattern.quote(literal));
        }
        return name.matches(regex.toString());
    }

    void requireMatch(List<String> names) {
        if (names.stream().noneMatch(this::matches)) {
            throw new IllegalArgumentException(
                    "param-groups = "
                            + pattern
                            + ": matches no parameter of the network"
                            + Nearest.guess(pattern, names));
        }
    }
}
