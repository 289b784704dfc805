package org.densenet4j.plan;

import org.densenet4j.spec.BlockShape;
import org.densenet4j.spec.LayerShape;
import org.densenet4j.spec.NetworkShape;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The fixed sequence of operations of a training step: forward, loss, backward, update. */
public final class Schedule {
    private final List<Operation> operations = new ArrayList<>();
    private final Map<String, Integer> forward = new HashMap<>();
    private final Map<String, Integer> backward = new HashMap<>();

    private Schedule() {}

    static Schedule of(NetworkShape shape) {
        List<String> names = names(shape);
        Schedule schedule = inference(shape);
        schedule.add(Phase.FORWARD, "loss", schedule.forward);
        names.reversed().forEach(name -> schedule.add(Phase.BACKWARD, name, schedule.backward));
        schedule.add(Phase.UPDATE, "optimiser", new HashMap<>());
        return schedule;
    }

    /** The forward pass alone. */
    static Schedule inference(NetworkShape shape) {
        Schedule schedule = new Schedule();
        names(shape).forEach(name -> schedule.add(Phase.FORWARD, name, schedule.forward));
        return schedule;
    }

    private static List<String> names(NetworkShape shape) {
        List<String> names = new ArrayList<>();
        names.add("stem");
        for (BlockShape block : shape.blocks()) {
            for (LayerShape layer : block.layers()) {
                names.add(layerName(layer));
            }
            boolean last = block.index() == shape.blocks().size();
            names.add(last ? "head" : transitionName(block.index()));
        }
        return names;
    }

    static String layerName(LayerShape layer) {
        return "block" + layer.block() + ".layer" + layer.index();
    }

    static String transitionName(int block) {
        return "transition" + block;
    }

    private void add(Phase phase, String name, Map<String, Integer> index) {
        index.put(name, operations.size());
        operations.add(new Operation(operations.size(), phase, name));
    }

    /** All operations in order. */
    public List<Operation> operations() {
        return Collections.unmodifiableList(operations);
    }

    int forward(String name) {
        return forward.get(name);
    }

    int backward(String name) {
        return backward.get(name);
    }

    int last() {
        return operations.size() - 1;
    }
}
