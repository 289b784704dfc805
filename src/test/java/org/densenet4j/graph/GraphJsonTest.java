package org.densenet4j.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.reference.RandomDetectors;
import org.densenet4j.reference.RandomGraph;
import org.densenet4j.reference.RandomMixers;
import org.densenet4j.reference.RandomScales;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Optional;

/** Graphs as JSON and back, and what is wrong with broken JSON. */
class GraphJsonTest {
    private static void assertReadsBack(Graph graph) {
        String json = GraphJson.write(graph);
        Graph read = GraphJson.read(graph.name(), json);
        assertNotSame(graph, read);
        assertEquals(json, GraphJson.write(read));
        assertEquals(graph.parameters(), read.parameters());
        assertEquals(graph.runningStatistics(), read.runningStatistics());
        assertEquals(graph.multiplyAdds(), read.multiplyAdds());
        assertEquals(graph.evaluatesWithBatchStatistics(), read.evaluatesWithBatchStatistics());
        assertEquals(graph.initialisation(), read.initialisation());
        assertEquals(Optional.empty(), GraphJson.difference(graph, read));
    }

    @Test
    void randomGraphsWithEveryKindOfNodeAreReadBack() {
        for (long seed = 1; seed <= 30; seed++) {
            assertReadsBack(RandomGraph.of(seed, seed % 2 * 0.1));
            assertReadsBack(RandomScales.of(seed, seed % 2 * 0.1));
            assertReadsBack(RandomMixers.of(seed, 0.9));
            assertReadsBack(RandomDetectors.of(seed, 0));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bc-100-12",
                "densenet121",
                "densenetblur121d",
                "fc-densenet103",
                "resnet50",
                "cifar-preresnet-164"
            })
    void presetsAreReadBack(String name) {
        assertReadsBack(FamilySpec.preset(name).build().graph());
    }

    @Test
    void whatDiffersIsNamed() {
        Graph graph = FamilySpec.preset("bc-10-4").build().graph();
        Graph wider = FamilySpec.preset("bc-10-5").build().graph();
        Graph larger = FamilySpec.preset("bc-10-4").inputSize(24).build().graph();
        Graph deeper = FamilySpec.preset("bc-16-4").build().graph();
        assertEquals(Optional.of("the node 'stem'"), GraphJson.difference(graph, wider));
        assertEquals(
                Optional.of("block1 32x32x12, not block1 24x24x12"),
                GraphJson.difference(graph, larger));
        assertTrue(GraphJson.difference(graph, deeper).orElseThrow().startsWith("the node"));
    }

    /** A convolution and a head. */
    private static String small() {
        Graph.Builder graph = Graph.builder("small", 4, 5, 3);
        Features x = new Features("x", 4, 5, 2);
        graph.add(
                new ConvolutionLayer(
                        "stem",
                        Read.raw(graph.input().all()),
                        Window.THREE,
                        "conv",
                        true,
                        Drops.NOTHING,
                        x.all()));
        Norm norm = new Norm("norm", 1e-5, 0.1);
        return GraphJson.write(
                graph.add(new Classifier("head", Read.normalisedRelu(norm, x.all()), "fc", 2))
                        .build());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"kernel\":3 | \"kernel\":\"3\" | nodes[0].window.kernel is '3', not a whole number",
                "\"kernel\":3 | \"kernel\":3.5 | nodes[0].window.kernel is '3.5', not a whole number",
                "\"kernel\":3 | \"kernel\":99999999999 | is '99999999999', not a whole number",
                "\"kernel\":3, | | nodes[0].window lacks 'kernel'",
                "\"kernel\":3 | \"size\":1,\"kernel\":3 | nodes[0].window has an unknown field 'size'",
                "\"kernel\":3 | \"kernel\":3,\"kernel\":3 | Duplicate field 'kernel'",
                "\"kernel\":3 | \"kernel\":null | has a value that is null",
                "\"kernel\":3 | \"kernel\":0 | a window of 0",
                "\"bias\":true | \"bias\":1 | nodes[0].bias is '1'",
                "ConvolutionLayer | Attention | nodes[0] is 'Attention', not ConvolutionLayer,",
                "\"Raw\" | \"Squared\" | nodes[0].source is 'Squared', not Raw, Normalised",
                "{\"of\":\"input\" | {\"of\":\"y\" | source.ranges[0].of is 'y', not the name of features",
                "\"DENSENET\" | \"ZERO\" | initialisation is 'ZERO', not [DENSENET,",
                "\"count\":3 | \"count\":4 | columns 0 to 4 of the features 'input', which have 3",
                "\"channels\":2 | \"channels\":3 | column 2 of the features 'x' is never written",
                "\"channels\":2 | \"channels\":2000000000 | 2000000000 channels, more than 16777216",
                "\"channels\":2 | \"channels\":16777216 | more than 16777216 columns",
                "\"name\":\"x\" | \"name\":\"input\" | two matrices have the name 'input'",
                "\"nodes\":[ | \"nodes\":[7, | nodes[0] is '7', not an object",
                "]} | ] | not valid JSON",
                "]} | ]} 5 | more than one value"
            })
    void brokenJsonIsRefusedInOneLine(String what, String by, String message) {
        String json = small();
        int at = what.equals("]}") ? json.length() - 2 : json.indexOf(what);
        assertTrue(at >= 0, what);
        String broken =
                json.substring(0, at) + (by == null ? "" : by) + json.substring(at + what.length());
        GraphException e =
                assertThrows(GraphException.class, () -> GraphJson.read("small", broken));
        assertTrue(e.getMessage().contains(message), e.getMessage());
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    }

    @Test
    void featuresThatNothingWritesAreRefused() {
        String more =
                small().replace(
                                "\"features\":[",
                                "\"features\":[{\"name\":\"y\",\"height\":1,\"width\":1,"
                                        + "\"channels\":1},");
        GraphException e = assertThrows(GraphException.class, () -> GraphJson.read("g", more));
        assertEquals("the graph has features that no node writes", e.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "7", "null", "{}", "{\"input\":[]}", "\"graph\""})
    void whatIsNoGraphIsRefused(String json) {
        assertThrows(GraphException.class, () -> GraphJson.read("g", json));
    }
}
