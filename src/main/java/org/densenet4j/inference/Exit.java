package org.densenet4j.inference;

import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Node;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A head for images that a forward pass may end at.
 *
 * @param number from 1
 * @param head name of its node
 * @param multiplyAdds of one image as far as it, with what only later exits need of the layers
 *     before: as published of MSDNets
 */
public record Exit(int number, String head, long multiplyAdds) {
    /** Refuses null. */
    public Exit {
        Objects.requireNonNull(head, "head");
    }

    /**
     * {@return the exits of a network, in order; of most networks there is one, of networks that
     * classify pixels none}
     *
     * @param spec the network
     */
    public static List<Exit> of(NetworkSpec spec) {
        Graph graph = Objects.requireNonNull(spec, "spec").graph();
        List<Exit> exits = new ArrayList<>();
        long multiplyAdds = 0;
        for (Node node : graph.nodes()) {
            multiplyAdds += node.multiplyAdds();
            if (node instanceof Classifier head && head.classes() == spec.classes()) {
                exits.add(new Exit(exits.size() + 1, node.name(), multiplyAdds));
            }
        }
        return List.copyOf(exits);
    }
}
