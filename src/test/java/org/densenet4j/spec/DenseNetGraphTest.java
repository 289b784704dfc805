package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Pooling;
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

    @Test
    void aDeepStemIsThreeConvolutionsAndAPoolWithTimmsNames() {
        Graph graph = DenseNetSpec.densenetblur121d().inputSize(37, 64).build().graph();
        assertEquals(
                List.of("stem.conv0", "stem.conv1", "stem.conv2", "stem.pool", "block1.layer1"),
                graph.nodes().stream().limit(5).map(Node::name).toList());
        assertEquals(
                List.of(
                        "stem.convolved0 19x32x32",
                        "stem.convolved1 19x32x32",
                        "stem.convolved2 19x32x64",
                        "block1 10x16x256"),
                graph.features().stream().limit(4).map(Features::toString).toList());
        assertEquals(
                List.of(
                        "features.conv0.weight [32, 3, 3, 3]",
                        "features.norm0.weight [32]",
                        "features.norm0.bias [32]",
                        "features.conv1.weight [32, 32, 3, 3]",
                        "features.norm1.weight [32]",
                        "features.norm1.bias [32]",
                        "features.conv2.weight [64, 32, 3, 3]",
                        "features.norm2.weight [64]",
                        "features.norm2.bias [64]",
                        "features.denseblock1.denselayer1.norm1.weight [64]"),
                graph.parameters().stream()
                        .limit(10)
                        .map(p -> p.name() + " " + p.shape())
                        .toList());
        Pooling pool = (Pooling) graph.nodes().get(3);
        assertEquals(Pooling.Kind.MAX_THEN_BLUR, pool.kind());
        Graph larger = DenseNetSpec.densenet264d().build().graph();
        assertEquals(Pooling.Kind.MAX, ((Pooling) larger.nodes().get(3)).kind());
        assertEquals("block1[0..96)", larger.nodes().get(3).writes().orElseThrow().toString());
    }
}
