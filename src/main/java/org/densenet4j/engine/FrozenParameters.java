package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.ParameterSpec.Role;
import org.densenet4j.plan.NetworkMemory;
import org.densenet4j.plan.ParameterLayout;
import org.densenet4j.plan.Schedule;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The parameters that are not trained. Their gradients are zeroed behind a backward pass, so that
 * they take no part in the norm and what is summed over ranks stays the same. Nodes at the start of
 * the network of which none has a parameter that is trained have no backward pass at all, and their
 * batch normalisations use running statistics and leave them alone.
 */
final class FrozenParameters {
    private final NetworkMemory memory;

    /** Ranges of the vector of all parameters, as [first, length]. */
    private final List<int[]> ranges = new ArrayList<>();

    private final Set<String> stillNorms = new HashSet<>();
    private int leadingNodes;

    FrozenParameters(NetworkMemory memory) {
        this.memory = memory;
    }

    /**
     * Replaces what is frozen.
     *
     * @throws IllegalArgumentException when nothing would be trained, or something that the plan
     *     has no memory for
     */
    void set(Map<String, ParameterRule> rules) {
        List<ParameterSpec> all = memory.parameterLayout().tensors();
        if (all.stream().allMatch(p -> isFrozen(rules, p))) {
            throw new IllegalArgumentException(
                    "all parameters are frozen, so that nothing would be trained; freeze fewer");
        }
        int frozenNodes = Schedule.frozenNodes(memory.graph(), p -> isFrozen(rules, p));
        if (frozenNodes < memory.frozenNodes()) {
            throw new IllegalArgumentException(
                    "the plan was made with "
                            + memory.graph().nodes().get(frozenNodes).name()
                            + " frozen and has no memory to train it; freeze it, or plan without"
                            + " frozen()");
        }
        leadingNodes = frozenNodes;
        ranges.clear();
        stillNorms.clear();
        ParameterLayout layout = memory.parameterLayout();
        for (ParameterSpec p : layout.inPlace()) {
            if (isFrozen(rules, p)) {
                int last = ranges.size() - 1;
                if (last >= 0 && ranges.get(last)[0] + ranges.get(last)[1] == layout.start(p)) {
                    ranges.get(last)[1] += layout.end(p) - layout.start(p);
                } else {
                    ranges.add(new int[] {layout.start(p), layout.end(p) - layout.start(p)});
                }
            }
        }
        for (Node node : memory.graph().nodes().subList(0, leadingNodes)) {
            for (ParameterSpec p : node.parameters()) {
                if (p.role() == Role.BN_WEIGHT) {
                    stillNorms.add(p.name().substring(0, p.name().lastIndexOf('.')));
                }
            }
        }
    }

    private static boolean isFrozen(Map<String, ParameterRule> rules, ParameterSpec p) {
        return rules.getOrDefault(p.name(), ParameterRule.NONE).frozen();
    }

    /** Nodes at the start that a backward pass need not reach. */
    int leadingNodes() {
        return memory.inputGradient() == null ? leadingNodes : 0;
    }

    /**
     * Whether a batch normalisation keeps its running statistics and normalises by them. Networks
     * that are always evaluated by the batch's own have none that mean anything.
     */
    boolean isStill(String norm) {
        return stillNorms.contains(norm)
                && memory.inputGradient() == null
                && !memory.graph().evaluatesWithBatchStatistics();
    }

    /** Queues zeros for the gradients of what is frozen. */
    void zeroGradients(Kernels kernels) {
        Matrix gradients = memory.parameterGradients();
        for (int[] range : ranges) {
            kernels.fill(gradients.columns(range[0], range[1]), 0);
        }
    }
}
