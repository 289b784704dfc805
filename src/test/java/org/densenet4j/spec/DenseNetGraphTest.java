package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.junit.jupiter.api.Test;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

class DenseNetGraphTest {
    @Test
    void everyLayerDrawsForItself() {
        Graph graph =
                DenseNetSpec.builder()
                        .growthRate(1)
                        .layersPerBlock(1020, 1020, 1020, 1020)
                        .dropout(0.1)
                        .build()
                        .graph();
        Set<Integer> draws = new HashSet<>();
        for (Node node : graph.nodes()) {
            assertTrue(!node.drops().any() || draws.add(node.drops().draw()), node.name());
        }
        assertEquals(4 * 1020, draws.size());
    }

    /** Checkpoints continue with these draws. */
    @Test
    void drawsOfLayersStayAsTheyAre() {
        Graph graph =
                DenseNetSpec.builder()
                        .growthRate(1)
                        .layersPerBlock(1, 7, 1001)
                        .dropout(0.1)
                        .build()
                        .graph();
        assertEquals(2007, draw(graph, "block2.layer7"));
        assertEquals(4000, draw(graph, "block3.layer1000"));
        assertEquals((1 << 30) + (3 << 20) + 1001, draw(graph, "block3.layer1001"));
    }

    private static int draw(Graph graph, String node) {
        List<Node> found = graph.nodes().stream().filter(n -> n.name().equals(node)).toList();
        return found.getFirst().drops().draw();
    }

    @Test
    void nodesAreNamedLikeTheOperationsOfAStep() {
        Graph graph = DenseNetSpec.builder().layersPerBlock(2, 1).build().graph();
        assertEquals(
                List.of(
                        "stem",
                        "block1.layer1",
                        "block1.layer2",
                        "transition1",
                        "block2.layer1",
                        "head"),
                graph.nodes().stream().map(Node::name).toList());
        assertEquals(2, graph.features().size());
    }
}
