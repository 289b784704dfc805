package org.densenet4j.weights;

import org.jspecify.annotations.Nullable;

import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Names of the tensors of a file, brought to ours. In the wild a network lies inside of others, so
 * that all its names have something in front ({@code module.densenet121.features…}); its features
 * are saved alone ({@code conv0.weight}); its classifier has another name or is the only linear
 * layer of a sequence ({@code fc.weight}, {@code classifier.0.weight}).
 */
final class WeightNames {
    /** A linear layer that may be the classifier. */
    private static final Pattern HEAD =
            Pattern.compile(
                    "(?:.*\\.)?(?:classifier|fc|head|linear|last_linear|logits)(?:\\.\\w+)*"
                            + "\\.(weight|bias)");

    private final NameStyle style;
    private final String prefix;

    /** The head's layer in the file; null where there is none that may have another name. */
    private final @Nullable String head;

    private WeightNames(NameStyle style, String prefix, Collection<String> names) {
        this.style = style;
        this.prefix = prefix;
        this.head = style.head().map(usual -> head(names, usual)).orElse(null);
    }

    /**
     * Looks at all names of a file.
     *
     * @throws IllegalArgumentException when they are of several networks, with what is in front of
     *     each
     */
    static WeightNames of(Collection<String> names, NameStyle style) {
        List<String> prefixes = style.prefixes(names);
        if (prefixes.size() > 1) {
            throw new IllegalArgumentException(
                    "holds several networks, whose names start with "
                            + String.join(", ", quoted(prefixes))
                            + "; choose one with --weights-key or LoadOptions.withWeightsKey, or"
                            + " save the one that is meant alone");
        }
        return new WeightNames(style, prefixes.isEmpty() ? "" : prefixes.getFirst(), names);
    }

    private static List<String> quoted(Collection<String> prefixes) {
        return prefixes.stream()
                .map(prefix -> prefix.isEmpty() ? "nothing" : "'" + prefix + "'")
                .toList();
    }

    /**
     * The linear layer that is alone outside of the features, without {@code .weight}, or the one
     * with the usual name.
     */
    private String head(Collection<String> names, String usual) {
        List<String> weights =
                names.stream()
                        .filter(name -> !name.startsWith("optimizer."))
                        .filter(name -> feature(name).isEmpty())
                        .filter(name -> name.endsWith(".weight"))
                        .toList();
        if (weights.size() != 1 || !isHead(weights.getFirst())) {
            return prefix + usual;
        }
        String name = weights.getFirst();
        return name.substring(0, name.length() - ".weight".length());
    }

    private static boolean isHead(String name) {
        return name.length() <= NameStyle.LONGEST && HEAD.matcher(name).matches();
    }

    private Optional<String> feature(String name) {
        return name.startsWith(prefix)
                ? style.feature(name.substring(prefix.length()))
                : Optional.empty();
    }

    /** The name that we give a tensor: torchvision's, of DenseNets and ResNets. */
    String canonical(String name) {
        Optional<String> feature = feature(name);
        if (feature.isPresent()) {
            return feature.get();
        }
        if (head != null && (name.equals(head + ".weight") || name.equals(head + ".bias"))) {
            return style.head().orElseThrow() + name.substring(head.length());
        }
        return name.startsWith(prefix) ? name.substring(prefix.length()) : name;
    }

    /** Whether a tensor has no place in a network for inference or training and never hurts. */
    static boolean isBookkeeping(String canonical) {
        return canonical.endsWith(".num_batches_tracked")
                || canonical.matches(".*\\.conv_1\\._(count|stage)") // CondenseNet's, told by masks
                || canonical.startsWith("optimizer.")
                || TorchXRayVision.isThresholds(canonical);
    }
}
