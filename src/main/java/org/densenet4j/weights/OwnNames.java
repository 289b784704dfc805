package org.densenet4j.weights;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.ParameterSpec;

import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** The names that somebody gave the tensors of a graph of one's own. */
final class OwnNames implements NameStyle {
    private final String network;
    private final String first;
    private final Set<String> names = new HashSet<>();

    OwnNames(String name, Graph graph) {
        network = "the network '" + name + "'";
        Stream.concat(graph.parameters().stream(), graph.runningStatistics().stream())
                .map(ParameterSpec::name)
                .forEach(names::add);
        first = graph.parameters().getFirst().name();
    }

    @Override
    public String network() {
        return network;
    }

    @Override
    public String example() {
        return first;
    }

    @Override
    public Optional<String> head() {
        return Optional.empty();
    }

    /** Any other name may be part of something else, so the first tensor's alone tells. */
    @Override
    public Optional<String> prefix(String name) {
        return name.equals(first) || name.endsWith("." + first)
                ? Optional.of(name.substring(0, name.length() - first.length()))
                : Optional.empty();
    }

    /** One name that is just the network's decides. */
    @Override
    public List<String> prefixes(Collection<String> all) {
        return all.contains(first) ? List.of("") : NameStyle.super.prefixes(all);
    }

    @Override
    public Optional<String> feature(String rest) {
        return names.contains(rest) ? Optional.of(rest) : Optional.empty();
    }

    @Override
    public boolean isFeature(String canonical) {
        return true;
    }
}
