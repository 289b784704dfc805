package org.densenet4j.plan;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The fixed sequence of operations of a training step: every node's forward pass, the loss, every
 * node's backward pass in reverse order, the update. A forward pass alone has the first of these.
 */
public final class Schedule {
    private final List<Operation> operations = new ArrayList<>();
    private final Map<String, Integer> forward = new HashMap<>();
    private final Map<String, Integer> backward = new HashMap<>();

    private Schedule() {}

    static Schedule training(Graph graph) {
        Schedule schedule = inference(graph);
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

    /** {@return the loss} */
    public int loss() {
        return forward.get("loss");
    }

    /** {@return the update of the parameters, which is the last operation of a training step} */
    public int last() {
        return operations.size() - 1;
    }
}
