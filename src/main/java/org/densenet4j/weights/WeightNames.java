package org.densenet4j.weights;

import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Names of the tensors of a file, brought to torchvision's. In the wild a network lies inside of
 * others, so that all its names have something in front ({@code module.densenet121.features…}); its
 * features are saved alone ({@code conv0.weight}); its classifier has another name or is the only
 * linear layer of a sequence ({@code fc.weight}, {@code classifier.0.weight}); keys are in the
 * style of torchvision before 0.3 ({@code denselayer1.norm.1.weight}), or the last normalisation
 * has the name of Pleiss et al.'s own code ({@code norm_final}). timm's names are torchvision's.
 */
final class WeightNames {
    private static final Pattern OLD_STYLE =
            Pattern.compile("(denselayer\\d+\\.(?:norm|conv))\\.([12]\\.)");

    /** In front of a network, {@code features.} or not, and the name inside of the features. */
    private static final Pattern FEATURE =
            Pattern.compile(
                    "(|.*?\\.)(features\\.)?"
                            + "((?:conv0|norm0|denseblock\\d+|transition\\d+|norm5|norm_final)\\..*)");

    /** A linear layer that may be the classifier. */
    private static final Pattern HEAD =
            Pattern.compile(
                    "(?:.*\\.)?(?:classifier|fc|head|linear|last_linear|logits)(?:\\.\\w+)*"
                            + "\\.(weight|bias)");

    /** Longer names are of nothing that is known; patterns take time with them. */
    private static final int LONGEST = 500;

    private final String prefix;
    private final String head;

    private WeightNames(String prefix, String head) {
        this.prefix = prefix;
        this.head = head;
    }

    /**
     * Looks at all names of a file.
     *
     * @throws IllegalArgumentException when they are of several networks, with what is in front of
     *     each
     */
    static WeightNames of(Collection<String> names) {
        Set<String> prefixes = new LinkedHashSet<>();
        for (String name : names) {
            Matcher feature = FEATURE.matcher(known(name));
            if (!name.startsWith("optimizer.") && feature.matches()) {
                prefixes.add(feature.group(1));
            }
        }
        if (prefixes.size() > 1) {
            throw new IllegalArgumentException(
                    "holds several networks, whose names start with "
                            + String.join(", ", quoted(prefixes))
                            + "; choose one with --weights-key or LoadOptions.withWeightsKey, or"
                            + " save the one that is meant alone");
        }
        String prefix = prefixes.isEmpty() ? "" : prefixes.iterator().next();
        return new WeightNames(prefix, onlyHead(names, prefix).orElse("classifier"));
    }

    private static List<String> quoted(Collection<String> prefixes) {
        return prefixes.stream()
                .map(prefix -> prefix.isEmpty() ? "nothing" : "'" + prefix + "'")
                .toList();
    }

    /** The linear layer that is alone outside of the features, without {@code .weight}. */
    private static Optional<String> onlyHead(Collection<String> names, String prefix) {
        List<String> weights =
                names.stream()
                        .filter(name -> !name.startsWith("optimizer."))
                        .filter(name -> !isFeature(name))
                        .filter(name -> name.endsWith(".weight"))
                        .toList();
        if (weights.size() != 1 || !HEAD.matcher(known(weights.getFirst())).matches()) {
            return Optional.of(prefix + "classifier");
        }
        String name = weights.getFirst();
        return Optional.of(name.substring(0, name.length() - ".weight".length()));
    }

    /** Whether any of the names is one of a DenseNet's features. */
    static boolean anyFeature(Collection<String> names) {
        return names.stream().anyMatch(WeightNames::isFeature);
    }

    private static boolean isFeature(String name) {
        return FEATURE.matcher(known(name)).matches();
    }

    private static String known(String name) {
        return name.length() <= LONGEST ? name : "";
    }

    /** The name that torchvision gives a tensor. */
    String canonical(String name) {
        Matcher feature = FEATURE.matcher(known(name));
        if (feature.matches() && feature.group(1).equals(prefix)) {
            String n = OLD_STYLE.matcher("features." + feature.group(3)).replaceFirst("$1$2");
            return n.replaceFirst("^features\\.norm_final\\.", "features.norm5.");
        }
        if (name.equals(head + ".weight") || name.equals(head + ".bias")) {
            return "classifier" + name.substring(head.length());
        }
        return name.startsWith(prefix) ? name.substring(prefix.length()) : name;
    }

    /** Whether a tensor has no place in a network for inference or training and never hurts. */
    static boolean isBookkeeping(String canonical) {
        return canonical.endsWith(".num_batches_tracked") || canonical.startsWith("optimizer.");
    }
}
