package org.densenet4j.plan;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * The fixed sequence of operations of a training step: every node's forward pass, the loss, every
 * node's backward pass in reverse order, the update. A forward pass alone has the first of these.
 *
 * <p>Backward operations of nodes that are frozen at the start of the network have their numbers,
 * but nothing runs in them.
 */
public final class Schedule {
    private final List<Operation> operations = new ArrayList<>();
    private final Map<String, Integer> forward = new HashMap<>();
    private final Map<String, Integer> backward = new HashMap<>();
    private int frozenNodes;

    private Schedule() {}

    /**
     * Of a training step.
     *
     * @param frozenNodes at the start, which have no backward pass
     */
    static Schedule training(Graph graph, int frozenNodes) {
        Schedule schedule = inference(graph);
        schedule.frozenNodes = frozenNodes;
        schedule.add(Phase.FORWARD, "loss", schedule.forward);
        for (Node node : graph.nodes().reversed()) {
            schedule.add(Phase.BACKWARD, node.name(), schedule.backward);
        }
        schedule.add(Phase.UPDATE, "optimiser", new HashMap<>());
        return schedule;
    }

    /** The forward pass alone. */
    static Schedule inference(Graph graph) {
        Schedule schedule = new Schedule();
        for (Node node : graph.nodes()) {
            schedule.add(Phase.FORWARD, node.name(), schedule.forward);
        }
        return schedule;
    }

    /**
     * {@return how many nodes at the start of a network have no parameter that is trained, so that
     * a backward pass need not reach them}
     *
     * @param graph the network
     * @param frozen says of a parameter that it is not trained
     */
    public static int frozenNodes(Graph graph, Predicate<ParameterSpec> frozen) {
        int count = 0;
        for (Node node : graph.nodes()) {
            if (!node.parameters().stream().allMatch(frozen)) {
                break;
            }
            count++;
        }
        return count;
    }

    /** {@return nodes at the start of the network that have no backward pass} */
    public int frozenNodes() {
        return frozenNodes;
    }

    private void add(Phase phase, String name, Map<String, Integer> index) {
        index.put(name, operations.size());
        operations.add(new Operation(operations.size(), phase, name));
    }

    /** {@return all operations in order} */
    public List<Operation> operations() {
        return List.copyOf(operations);
    }

    /**
     * {@return the forward operation of a node}
     *
     * @param node of the graph
     */
    public int forward(Node node) {
        return forward.get(node.name());
    }

    /**
     * {@return the backward operation of a node}
     *
     * @param node of the graph
     */
    public int backward(Node node) {
        return backward.get(node.name());
    }

    /**
     * {@return whether a node's backward operation does anything}
     *
     * @param node of the graph
     */
    public boolean runsBackward(Node node) {
        return forward(node) >= frozenNodes;
    }

    /**
     * {@return the last operation that needs what a node keeps for its backward pass: the forward
     * operation where it has none}
     *
     * @param node of the graph
     */
    int keeps(Node node) {
        return runsBackward(node) ? backward(node) : forward(node);
    }

    /** {@return the loss} */
    public int loss() {
        return forward.get("loss");
    }

    /** {@return the update of the parameters, which is the last operation of a training step} */
    public int last() {
        return operations.size() - 1;
    }
}
