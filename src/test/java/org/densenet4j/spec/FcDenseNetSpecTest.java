package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.Columns;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.TransitionUp;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.List;
import java.util.stream.IntStream;

class FcDenseNetSpecTest {
    private static final FcDenseNetSpec SMALL =
            FcDenseNetSpec.builder()
                    .growthRate(4)
                    .downLayers(1, 2)
                    .bottleneckLayers(2)
                    .upLayers(2, 1)
                    .initialChannels(6)
                    .classes(3)
                    .inputSize(9, 14)
                    .build();

    /**
     * Parameters as in the authors' code, whose counts also have two statistics for each gamma (the
     * paper prints 3.5 M and 9.4 M for 67 and 103; its 1.5 M for 56 is another network's, of four
     * levels). Multiply-adds are counted by hand from the same code's shapes.
     */
    @ParameterizedTest
    @CsvSource({
        "fc-densenet56, 11, 224, 224, 1376795, 1397963, 8916982368",
        "fc-densenet56, 11, 360, 480, 1376795, 1397963, 30702900960",
        "fc-densenet56, 12, 224, 224, 1376988, 1398156, 8926616160",
        "fc-densenet56, 12, 360, 480, 1376988, 1398156, 30736078560",
        "fc-densenet67, 11, 224, 224, 3463243, 3502923, 20901653248",
        "fc-densenet67, 11, 360, 480, 3463243, 3502923, 71966979840",
        "fc-densenet67, 12, 224, 224, 3463532, 3503212, 20916103936",
        "fc-densenet67, 12, 360, 480, 3463532, 3503212, 72016746240",
        "fc-densenet103, 11, 224, 224, 9322091, 9425163, 20072570112",
        "fc-densenet103, 11, 360, 480, 9322091, 9425163, 69068064000",
        "fc-densenet103, 12, 224, 224, 9322348, 9425420, 20085415168",
        "fc-densenet103, 12, 360, 480, 9322348, 9425420, 69112300800",
    })
    void countsAreTheKnownOnes(
            String model,
            int classes,
            int height,
            int width,
            long parameters,
            long withStatistics,
            long multiplyAdds) {
        Graph graph =
                FcDenseNetSpec.preset(model)
                        .classes(classes)
                        .inputSize(height, width)
                        .build()
                        .graph();
        assertEquals(parameters, graph.parameterCount());
        long statistics = graph.runningStatistics().stream().mapToLong(ParameterSpec::count).sum();
        assertEquals(withStatistics, parameters + statistics);
        assertEquals(multiplyAdds, graph.multiplyAdds());
    }

    /** The default network of the authors' code, which the paper's 1.5 M parameters are of. */
    @Test
    void fourLevelsOfFiveHaveThePapersParameters() {
        Graph graph =
                FcDenseNetSpec.fcDenseNet56()
                        .downLayers(5, 5, 5, 5)
                        .bottleneckLayers(5)
                        .upLayers(5, 5, 5, 5)
                        .build()
                        .graph();
        assertEquals(1_459_835, graph.parameterCount());
    }

    @ParameterizedTest
    @CsvSource({"fc-densenet56, 56", "fc-densenet67, 67", "fc-densenet103, 103"})
    void namesCountTheConvolutions(String model, int convolutions) {
        FcDenseNetSpec spec = FcDenseNetSpec.preset(model).build();
        assertEquals(convolutions, spec.depth());
        assertEquals(
                convolutions,
                spec.graph().parameters().stream().filter(p -> p.role().isWeight()).count());
    }

    @ParameterizedTest
    @CsvSource({"fc-densenet-5-4-12, fc-densenet56", "fc-densenet-5-5-16, fc-densenet67"})
    void blocksOfAsManyLayersHaveNamesAmongThemThePapers(String model, String paper) {
        assertEquals(
                FcDenseNetSpec.preset(paper).build(),
                FcDenseNetSpec.preset(model).name(paper).build());
    }

    @Test
    void narrowNetworksBeginNarrow() {
        FcDenseNetSpec spec = FcDenseNetSpec.preset("fc-densenet-2-3-8").build();
        assertEquals(List.of(3, 3), spec.downLayers());
        assertEquals(List.of(3, 3), spec.upLayers());
        assertEquals(3, spec.bottleneckLayers());
        assertEquals(8, spec.growthRate());
        assertEquals(32, spec.initialChannels());
        assertEquals(48, FcDenseNetSpec.uniform(2, 3, 32).build().initialChannels());
    }

    /** Values of one image, as if each level were one matrix: two matrices cost nothing more. */
    @ParameterizedTest
    @CsvSource({
        "fc-densenet56, 224, 224, 13902672",
        "fc-densenet56, 360, 480, 47872080",
        "fc-densenet67, 224, 224, 21030800",
        "fc-densenet67, 360, 480, 72416400",
        "fc-densenet103, 224, 224, 20365184",
        "fc-densenet103, 360, 480, 70115520",
    })
    void aSkipConnectionCostsNoCopy(String model, int height, int width, long values) {
        Graph graph = FcDenseNetSpec.preset(model).inputSize(height, width).build().graph();
        assertEquals(
                values,
                graph.features().stream().mapToLong(f -> (long) f.pixels() * f.channels()).sum());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    fc-densenet56  | 96 144 192 240 288 336 384 336 288 240 192
                    fc-densenet67  | 128 208 288 368 448 528 608 528 448 368 288
                    fc-densenet103 | 112 192 304 464 656 896 1088 816 576 384 256
                    """)
    void blocksAreAsWideAsThePapersWithTheAuthorsErratum(String model, String widths) {
        Graph graph = FcDenseNetSpec.preset(model).build().graph();
        List<Features> matrices = graph.features();
        int levels = matrices.size() / 2;
        List<String> found =
                IntStream.range(0, matrices.size())
                        .map(
                                i -> {
                                    int skip =
                                            i <= levels
                                                    ? 0
                                                    : matrices.get(2 * levels - i).channels();
                                    return matrices.get(i).channels() + skip;
                                })
                        .mapToObj(String::valueOf)
                        .toList();
        assertEquals(widths, String.join(" ", found));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    360 | 480 | 360x480 180x240 90x120 45x60 22x30 11x15
                    224 | 224 | 224x224 112x112 56x56 28x28 14x14 7x7
                    37  | 95  | 37x95 18x47 9x23 4x11 2x5 1x2
                    32  | 63  | 32x63 16x31 8x15 4x7 2x3 1x1
                    """)
    void everyLevelHasItsSizeOnBothWays(int height, int width, String sizes) {
        Graph graph = FcDenseNetSpec.fcDenseNet56().inputSize(height, width).build().graph();
        List<String> found =
                graph.features().stream().map(f -> f.height() + "x" + f.width()).toList();
        assertEquals(sizes, String.join(" ", found.subList(0, 6)));
        assertEquals(found.subList(0, 5).reversed(), found.subList(6, 11));
    }

    @Test
    void layersOfTheWayUpReadUpsampledThenSkipThenNew() {
        Graph graph = SMALL.graph();
        assertEquals(
                List.of("up1[0..8)", "down2[0..18)", "up1[8..12)"),
                ranges(node(graph, "up1.layer2")));
        assertEquals(List.of("up2[0..8)", "down1[0..10)"), ranges(node(graph, "up2.layer1")));
        assertEquals(List.of("down2[0..14)"), ranges(node(graph, "down2.layer2")));
    }

    @Test
    void onlyNewFeaturesGoUpAndTheLastBlocksStackIsClassified() {
        Graph graph = SMALL.graph();
        assertEquals(List.of("bottleneck[18..26)"), ranges(node(graph, "transitionup1")));
        assertEquals(List.of("up1[8..16)"), ranges(node(graph, "transitionup2")));
        PixelClassifier head = (PixelClassifier) graph.heads().getLast();
        assertEquals(List.of("up2[0..8)", "down1[0..10)", "up2[8..12)"), ranges(head));
        assertEquals(3, head.classes());
    }

    private static List<String> ranges(Node node) {
        return node.reads().getFirst().ranges().stream().map(Columns::toString).toList();
    }

    private static Node node(Graph graph, String name) {
        return graph.nodes().stream().filter(n -> n.name().equals(name)).findFirst().orElseThrow();
    }

    @Test
    void tensorsHaveTheNamesAndShapesOfTheUsualPort() {
        List<String> tensors =
                SMALL.graph().parameters().stream().map(p -> p.name() + " " + p.shape()).toList();
        for (String tensor :
                List.of(
                        "firstconv.weight [6, 3, 3, 3]",
                        "firstconv.bias [6]",
                        "denseBlocksDown.1.layers.1.norm.weight [14]",
                        "denseBlocksDown.1.layers.1.conv.weight [4, 14, 3, 3]",
                        "denseBlocksDown.1.layers.1.conv.bias [4]",
                        "transDownBlocks.0.norm.bias [10]",
                        "transDownBlocks.0.conv.weight [10, 10, 1, 1]",
                        "bottleneck.bottleneck.layers.0.norm.weight [18]",
                        "bottleneck.bottleneck.layers.1.conv.weight [4, 22, 3, 3]",
                        "transUpBlocks.1.convTrans.weight [8, 8, 3, 3]",
                        "transUpBlocks.1.convTrans.bias [8]",
                        "denseBlocksUp.0.layers.1.norm.weight [30]",
                        "denseBlocksUp.0.layers.1.conv.weight [4, 30, 3, 3]",
                        "finalConv.weight [3, 22, 1, 1]",
                        "finalConv.bias [3]")) {
            assertTrue(tensors.contains(tensor), tensor);
        }
        assertTrue(
                SMALL.graph().runningStatistics().stream()
                        .anyMatch(p -> p.name().equals("transDownBlocks.1.norm.running_var")));
    }

    @Test
    void layersAndTransitionsDownDropWithDrawsInTheirOrder() {
        Graph graph = SMALL.graph();
        List<Integer> draws =
                graph.nodes().stream()
                        .filter(n -> n.drops().any())
                        .map(n -> n.drops().draw())
                        .toList();
        assertEquals(IntStream.rangeClosed(1, 10).boxed().toList(), draws);
        assertEquals(4, node(graph, "down2.layer2").drops().draw());
        assertEquals(0.2, node(graph, "transitiondown2").drops().rate());
        assertFalse(SMALL.toBuilder().dropout(0).build().graph().drops());
    }

    @Test
    void noNodesOrFeaturesNameIsWhereAnotherNodesBuffersAre() {
        Graph graph = FcDenseNetSpec.fcDenseNet103().build().graph();
        for (Node node : graph.nodes()) {
            for (Node other : graph.nodes()) {
                assertFalse(other.name().startsWith(node.name() + "."), other.name());
            }
            for (Features f : graph.features()) {
                assertFalse((f.name() + ".").startsWith(node.name() + "."), f.name());
            }
        }
    }

    @Test
    void evaluationUsesTheBatchsStatisticsUnlessTheSpecSaysOtherwise() {
        assertTrue(SMALL.graph().evaluatesWithBatchStatistics());
        FcDenseNetSpec running = SMALL.toBuilder().evaluatesWithBatchStatistics(false).build();
        assertFalse(running.graph().evaluatesWithBatchStatistics());
        assertNotEquals(SMALL, running);
        assertFalse(DenseNetSpec.bc(10, 4).build().graph().evaluatesWithBatchStatistics());
    }

    @Test
    void normalisationIsAsTheAuthors() {
        Graph graph = FcDenseNetSpec.fcDenseNet67().build().graph();
        for (Features f : graph.features()) {
            assertEquals(1e-4, graph.epsilon(f).orElseThrow());
        }
        assertTrue(graph.nodes().stream().anyMatch(ConvolutionLayer.class::isInstance));
        assertEquals(5, graph.nodes().stream().filter(TransitionUp.class::isInstance).count());
    }

    @Test
    void aSpecIsEqualToOneWithTheSameFields() {
        assertEquals(SMALL, SMALL.toBuilder().build());
        assertEquals(SMALL.hashCode(), SMALL.toBuilder().build().hashCode());
        assertNotEquals(SMALL, SMALL.toBuilder().upLayers(1, 1).build());
        assertEquals(
                "FC-DenseNet custom (k 4, down 1, 2, bottleneck 2, up 2, 1, input 9x14x3,"
                        + " classes 3)",
                SMALL.toString());
    }

    @Test
    void impossibleSpecsAreRefusedNamingTheFieldAndTheFix() {
        refused("growthRate = 0", () -> SMALL.toBuilder().growthRate(0).build());
        refused("bottleneckLayers = 0", () -> SMALL.toBuilder().bottleneckLayers(0).build());
        refused("downLayers is empty", () -> SMALL.toBuilder().downLayers().build());
        refused("downLayers = -1", () -> SMALL.toBuilder().downLayers(1, -1).build());
        refused(
                "upLayers has 1 blocks, downLayers 2: give as many",
                () -> SMALL.toBuilder().upLayers(3).build());
        refused("upLayers adds up to 5000", () -> SMALL.toBuilder().upLayers(1, 4999).build());
        refused("dropout = 1.0", () -> SMALL.toBuilder().dropout(1).build());
        refused("bnEpsilon = 0.0", () -> SMALL.toBuilder().bnEpsilon(0).build());
        refused("bnMomentum = 2.0", () -> SMALL.toBuilder().bnMomentum(2).build());
        refused("classes = 0", () -> SMALL.toBuilder().classes(0).build());
        refused(
                "the bottleneck would have",
                () -> SMALL.toBuilder().growthRate(1 << 20).downLayers(9, 9).build());
        refused(
                "an up block would have",
                () -> SMALL.toBuilder().growthRate(1 << 20).upLayers(9, 9).build());
        refused(
                "inputSize = 31x400 is too small: halved 5 times",
                () -> FcDenseNetSpec.fcDenseNet56().inputSize(31, 400).build());
        refused(
                "no model named 'fc-densenet57'; use fc-densenet56/67/103",
                () -> FcDenseNetSpec.preset("fc-densenet57"));
        refused("no model named", () -> FcDenseNetSpec.preset("fc-densenet-3-4"));
        refused("downLayers is empty", () -> FcDenseNetSpec.preset("fc-densenet-0-4-12").build());
        refused("Layers = 0", () -> FcDenseNetSpec.preset("fc-densenet-3-0-12").build());
        refused("growthRate = 0", () -> FcDenseNetSpec.preset("fc-densenet-3-4-0").build());
        refused("halved 9 times", () -> FcDenseNetSpec.preset("fc-densenet-9-4-12").build());
        refused("adds up to", () -> FcDenseNetSpec.preset("fc-densenet-3-999999-12").build());
    }

    private static void refused(String message, Executable call) {
        String text = assertThrows(IllegalArgumentException.class, call).getMessage();
        assertTrue(text.contains(message), text);
    }
}
