package org.densenet4j.train;

import org.densenet4j.engine.ParameterRule;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.Transition;
import org.densenet4j.graph.TransitionDown;
import org.densenet4j.graph.TransitionUp;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Which parameters are trained otherwise than the optimiser says: groups by name with a rate or
 * weight decay of their own, rates that fall from layer to layer, frozen parts. Immutable.
 *
 * <pre>{@code
 * ParameterGroups.NONE
 *         .freezing("features.conv0", "features.denseblock1")
 *         .with(ParameterGroup.of("classifier.*").rateScale(10))
 *         .layerDecay(0.75)
 * }</pre>
 *
 * Factors of the rate multiply: that of a layer, and those of all groups that a parameter is in.
 * The last group with a weight decay of its own decides about that.
 */
public final class ParameterGroups {
    /** Everything as the optimiser says. */
    public static final ParameterGroups NONE = new ParameterGroups(List.of(), List.of(), 1);

    private final List<ParameterGroup> groups;
    private final List<String> frozen;
    private final double layerDecay;

    private ParameterGroups(List<ParameterGroup> groups, List<String> frozen, double layerDecay) {
        this.groups = groups;
        this.frozen = frozen;
        this.layerDecay = layerDecay;
    }

    /**
     * {@return these and another group}
     *
     * @param group of parameters by name
     */
    public ParameterGroups with(ParameterGroup group) {
        List<ParameterGroup> more = new ArrayList<>(groups);
        more.add(Objects.requireNonNull(group, "group"));
        return new ParameterGroups(List.copyOf(more), frozen, layerDecay);
    }

    /**
     * {@return these, and parts that are not trained}
     *
     * @param prefixes names of modules or parameters, such as {@code features.denseblock1}
     */
    public ParameterGroups freezing(String... prefixes) {
        List<String> more = new ArrayList<>(frozen);
        for (String prefix : Objects.requireNonNull(prefixes, "prefixes")) {
            more.add(Objects.requireNonNull(prefix, "prefixes"));
        }
        return new ParameterGroups(groups, List.copyOf(more), layerDecay);
    }

    /**
     * {@return these with rates that fall from layer to layer towards the input (Clark et al. 2020,
     * as timm has it)} The head has the whole rate, the layer before it {@code decay} times that,
     * and so on. Layers are the nodes of the graph that have parameters; transitions belong to the
     * layer before them.
     *
     * @param decay above 0, to 1 for none
     */
    public ParameterGroups layerDecay(double decay) {
        if (!(decay > 0 && decay <= 1)) {
            throw new IllegalArgumentException(
                    "layer-decay = " + decay + ": use a number above 0 and up to 1");
        }
        return new ParameterGroups(groups, frozen, decay);
    }

    /**
     * {@return groups as text: {@code PATTERN: SETTING ...}, separated by semicolons, with the
     * settings {@code rate-scale=X}, {@code weight-decay=X} and {@code frozen}}
     *
     * @param text such as {@code classifier.*: rate-scale=10; *norm*: weight-decay=0}
     * @throws IllegalArgumentException in one line when it is none
     */
    public static ParameterGroups parse(String text) {
        ParameterGroups all = NONE;
        for (String part : Objects.requireNonNull(text, "text").split(";", -1)) {
            if (!part.isBlank()) {
                all = all.with(ParameterGroup.parse(part.strip()));
            }
        }
        return all;
    }

    /**
     * {@return what each parameter has other than the optimiser says, by name}
     *
     * @param graph of the network
     * @throws IllegalArgumentException in one line when a group or a prefix matches no parameter
     */
    public Map<String, ParameterRule> rules(Graph graph) {
        Objects.requireNonNull(graph, "graph");
        Map<String, Double> scales = layerScales(graph);
        Map<String, ParameterRule> rules = new LinkedHashMap<>();
        List<String> names = graph.parameters().stream().map(ParameterSpec::name).toList();
        groups.forEach(group -> group.requireMatch(names));
        frozen.forEach(prefix -> requireMatch(prefix, names));
        for (String name : names) {
            double scale = scales.getOrDefault(name, 1.0);
            OptionalDouble decay = OptionalDouble.empty();
            boolean isFrozen = frozen.stream().anyMatch(prefix -> isUnder(prefix, name));
            for (ParameterGroup group : groups) {
                if (group.matches(name)) {
                    scale *= group.rateScale();
                    decay = group.weightDecay().isPresent() ? group.weightDecay() : decay;
                    isFrozen |= group.frozen();
                }
            }
            ParameterRule rule = new ParameterRule(scale, decay, isFrozen);
            if (!rule.equals(ParameterRule.NONE)) {
                rules.put(name, rule);
            }
        }
        return rules;
    }

    /**
     * {@return names of the parameters that are not trained, which a plan is made with}
     *
     * @param graph of the network
     * @throws IllegalArgumentException in one line when a group or a prefix matches no parameter
     */
    public Set<String> frozen(Graph graph) {
        return rules(graph).entrySet().stream()
                .filter(e -> e.getValue().frozen())
                .map(Map.Entry::getKey)
                .collect(Collectors.toUnmodifiableSet());
    }

    private Map<String, Double> layerScales(Graph graph) {
        Map<String, Double> scales = new HashMap<>();
        if (layerDecay == 1) {
            return scales;
        }
        Map<String, Integer> layers = new HashMap<>();
        int layer = -1;
        for (Node node : graph.nodes()) {
            if (node.parameters().isEmpty()) {
                continue;
            }
            boolean joins =
                    node instanceof Transition
                            || node instanceof TransitionDown
                            || node instanceof TransitionUp;
            if (!joins || layer < 0) {
                layer++;
            }
            for (ParameterSpec p : node.parameters()) {
                layers.put(p.name(), layer);
            }
        }
        int last = layer;
        layers.forEach((name, of) -> scales.put(name, Math.pow(layerDecay, last - of)));
        return scales;
    }

    private static boolean isUnder(String prefix, String name) {
        return name.equals(prefix) || name.startsWith(prefix.endsWith(".") ? prefix : prefix + ".");
    }

    private static void requireMatch(String prefix, List<String> names) {
        if (names.stream().noneMatch(name -> isUnder(prefix, name))) {
            throw new IllegalArgumentException(
                    "freeze = "
                            + prefix
                            + ": no parameter of the network is under this name"
                            + Nearest.guess(prefix, modules(names)));
        }
    }

    /** All names that something is under. */
    private static List<String> modules(List<String> names) {
        return names.stream()
                .flatMap(
                        name ->
                                Pattern.compile("\\.")
                                        .matcher(name)
                                        .results()
                                        .map(dot -> name.substring(0, dot.start())))
                .distinct()
                .collect(Collectors.toList());
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT, "groups %s, frozen %s, layer decay %s", groups, frozen, layerDecay);
    }
}
