package org.densenet4j.weights;

import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.MsdNetSpec;
import org.densenet4j.spec.RdNetSpec;
import org.densenet4j.spec.ResNetSpec;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * How tensors of a kind of network are named, in our files and in those of others. What a name has
 * in front of the network's own names is its prefix: a network may lie inside of others.
 */
sealed interface NameStyle permits FamilyNames, OwnNames {
    /** Longer names are of nothing that is known; patterns take time with them. */
    int LONGEST = 500;

    /** The names of a network's tensors. */
    static NameStyle of(NetworkSpec spec) {
        return switch (spec) {
            case DenseNetSpec _ -> FamilyNames.DENSENET;
            case FcDenseNetSpec _ -> FamilyNames.FC_DENSENET;
            case ResNetSpec _ -> FamilyNames.RESNET;
            case CondenseNetSpec _ -> FamilyNames.CONDENSENET;
            case MsdNetSpec _ -> FamilyNames.MSDNET;
            case RdNetSpec _ -> FamilyNames.RDNET;
            default -> new OwnNames(spec.name(), spec.graph());
        };
    }

    /** The family that a file's names are of; empty where they are of none. */
    static Optional<FamilyNames> ofNames(Collection<String> names) {
        return Arrays.stream(FamilyNames.values())
                .filter(style -> names.stream().anyMatch(n -> style.prefix(n).isPresent()))
                .findFirst();
    }

    /** Such as "a DenseNet". */
    String network();

    /** A name that every such network has. */
    String example();

    /** The head's layer, where it may have other names in files of others. */
    Optional<String> head();

    /** What is in front of a name that tells such a network; empty where it tells none. */
    Optional<String> prefix(String name);

    /** Our name of a tensor that is not the head's, from what is behind the prefix. */
    Optional<String> feature(String rest);

    /** Whether one of our names is of a tensor that is not the head's. */
    boolean isFeature(String canonical);

    /** Prefixes of which several mean several networks; those that are the same, once. */
    default List<String> prefixes(Collection<String> names) {
        return names.stream()
                .filter(name -> !name.startsWith("optimizer."))
                .map(this::prefix)
                .flatMap(Optional::stream)
                .distinct()
                .toList();
    }
}
