package org.densenet4j.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;
import java.util.Optional;

/** What a graph is, and what is refused when it is built. */
class GraphTest {
    private static final Window HALF = new Window(2, 2, 0);

    private final Graph.Builder graph = Graph.builder("tiny", 8, 6, 3);
    private final Features x = new Features("x", 8, 6, 12);

    private static Norm norm(String name) {
        return new Norm(name, 1e-5, 0.1);
    }

    private static ConvolutionLayer convolution(String name, Read source, Columns target) {
        return convolution(name, source, Drops.NOTHING, target);
    }

    private static ConvolutionLayer convolution(
            String name, Read source, Drops drops, Columns target) {
        String tensors = name + ".conv";
        return new ConvolutionLayer(name, source, Window.THREE, tensors, false, drops, target);
    }

    private ConvolutionLayer stem(Columns target) {
        return convolution("stem", Read.raw(graph.input().all()), target);
    }

    private static Classifier head(String name, Columns source) {
        return new Classifier(name, Read.raw(source), name + ".fc", 4);
    }

    /** A stem of 8 channels and a layer that appends 4. */
    private Graph.Builder block() {
        return graph.add(stem(x.prefix(8))).add(layer("layer", x.columns(8, 4)));
    }

    private ConvolutionLayer layer(String name, Columns target) {
        return convolution(name, Read.normalisedRelu(norm(name + ".norm"), x.prefix(8)), target);
    }

    private static void refused(String message, Executable call) {
        GraphException e = assertThrows(GraphException.class, call);
        assertEquals(message, e.getMessage());
    }

    // ---------------------------------------------------------------- what a graph is

    @Test
    void aGraphKnowsWhatItsNodesHave() {
        Graph built = block().add(head("head", x.all())).build();
        assertSame(built, built.graph());
        assertEquals("tiny (3 nodes, input input 8x6x3)", built.toString());
        assertEquals(
                List.of("stem", "layer", "head"), built.nodes().stream().map(Node::name).toList());
        assertEquals(List.of(x), built.features());
        assertEquals(
                List.of(
                        "stem.conv.weight [8, 3, 3, 3]",
                        "layer.norm.weight [8]",
                        "layer.norm.bias [8]",
                        "layer.conv.weight [4, 8, 3, 3]",
                        "head.fc.weight [4, 12]",
                        "head.fc.bias [4]"),
                built.parameters().stream().map(p -> p.name() + " " + p.shape()).toList());
        assertEquals(
                List.of("layer.norm.running_mean", "layer.norm.running_var"),
                built.runningStatistics().stream().map(ParameterSpec::name).toList());
        assertEquals(8 * 27 + 2 * 8 + 4 * 72 + 4 * 13, built.parameterCount());
        assertEquals(48 * (8 * 27 + 4 * 72) + 4 * 12, built.multiplyAdds());
        assertEquals(1e-5, built.epsilon(x).orElseThrow());
        assertTrue(built.epsilon(new Features("x", 8, 6, 12)).isEmpty(), "another matrix");
        assertFalse(built.drops());
        assertFalse(built.evaluatesWithBatchStatistics());
        assertEquals(8, built.inputHeight());
        assertEquals(6, built.inputWidth());
        assertEquals(3, built.inputChannels());
    }

    @Test
    void aGraphMayHaveSeveralHeads() {
        Graph built =
                graph.add(stem(x.prefix(8)))
                        .add(head("early", x.prefix(8)))
                        .add(layer("layer", x.columns(8, 4)))
                        .add(head("late", x.all()))
                        .build();
        assertEquals(List.of("early", "late"), built.heads().stream().map(Node::name).toList());
    }

    @Test
    void buildingTwiceGivesTwoGraphs() {
        block().add(head("head", x.all()));
        assertEquals(graph.build().parameters(), graph.build().parameters());
    }

    @Test
    void layersDropIfTheyHaveARate() {
        Drops drops = new Drops(1, 0, 0.9);
        Read source = Read.raw(graph.input().all());
        graph.add(convolution("stem", source, drops, x.all())).add(head("head", x.all()));
        assertTrue(graph.build().drops());
    }

    // ---------------------------------------------------------------- names

    @Test
    void twoNodesOfOneNameAreRefused() {
        block().add(head("layer", x.all()));
        refused("two nodes, or a node and a matrix, have the name 'layer'", () -> graph.build());
    }

    @Test
    void aNodeNamedLikeAMatrixIsRefused() {
        block().add(head("x", x.all()));
        refused("two nodes, or a node and a matrix, have the name 'x'", () -> graph.build());
    }

    @Test
    void twoMatricesOfOneNameAreRefused() {
        Features same = new Features("x", 8, 6, 5);
        block().add(convolution("next", Read.raw(x.all()), same.all()));
        graph.add(head("head", same.all()));
        refused("two matrices have the name 'x'", () -> graph.build());
    }

    @Test
    void aMatrixNamedLikeTheInputIsRefused() {
        Features input = new Features("input", 8, 6, 5);
        graph.add(stem(input.all())).add(head("head", input.all()));
        refused("two matrices have the name 'input'", () -> graph.build());
    }

    @Test
    void theSameNodeTwiceIsRefused() {
        block();
        refused(
                "the node 'layer' is there already",
                () -> graph.add(layer("layer", x.columns(8, 4))));
    }

    @Test
    void aTensorWithTwoOwnersIsRefused() {
        block().add(new Classifier("head", Read.raw(x.all()), "stem.conv", 4));
        refused(
                "the tensor 'stem.conv.weight' belongs to the nodes 'stem' and 'head'",
                () -> graph.build());
    }

    @Test
    void aNormalisationWithTwoReadersIsRefused() {
        Read again = Read.normalisedRelu(norm("layer.norm"), x.prefix(8));
        block().add(new Classifier("early", again, "fc", 4)).add(head("head", x.all()));
        refused(
                "the tensor 'layer.norm.weight' belongs to the nodes 'layer' and 'early'",
                () -> graph.build());
    }

    // ---------------------------------------------------------------- columns

    @ParameterizedTest
    @CsvSource({"-1, 4, -1 to 3", "9, 4, 9 to 13", "0, 0, 0 to 0", "12, 1, 12 to 13"})
    void columnsThatAMatrixDoesNotHaveAreRefused(int from, int count, String columns) {
        refused(
                "columns " + columns + " of the features 'x', which have 12",
                () -> x.columns(from, count));
    }

    @Test
    void readingColumnsBeforeTheyAreWrittenIsRefused() {
        graph.add(stem(x.prefix(7))).add(layer("layer", x.columns(8, 4)));
        refused("the node 'layer' reads x[0..8) before it is written", () -> graph.build());
    }

    /** A cycle is the same: one of its nodes comes first. */
    @Test
    void aCycleIsRefused() {
        Features y = new Features("y", 8, 6, 12);
        graph.add(convolution("there", Read.raw(y.all()), x.all()))
                .add(convolution("back", Read.raw(x.all()), y.all()))
                .add(head("head", y.all()));
        refused("the node 'there' reads y[0..12) before it is written", () -> graph.build());
    }

    @Test
    void readingWhatNoNodeWritesIsRefused() {
        Features other = new Features("other", 8, 6, 12);
        block().add(head("head", x.all())).add(head("dangling", other.all()));
        refused("the node 'dangling' reads other[0..12) before it is written", () -> graph.build());
    }

    @Test
    void theInputOfAnotherGraphIsRefused() {
        Columns images = Graph.builder("other", 8, 6, 3).input().all();
        graph.add(convolution("stem", Read.raw(images), x.all())).add(head("head", x.all()));
        refused("the node 'stem' reads input[0..3) before it is written", () -> graph.build());
    }

    @Test
    void writingColumnsTwiceIsRefused() {
        block().add(layer("again", x.columns(11, 1))).add(head("head", x.all()));
        refused("the node 'again' writes x[11..12), which is written before", () -> graph.build());
    }

    @Test
    void aColumnThatIsNeverWrittenIsRefused() {
        graph.add(stem(x.prefix(11))).add(head("head", x.prefix(11)));
        refused("column 11 of the features 'x' is never written", () -> graph.build());
    }

    @Test
    void aColumnThatIsNeverReadIsRefused() {
        block().add(head("head", x.prefix(9)));
        refused("column 9 of the features 'x' is never read", () -> graph.build());
    }

    @Test
    void writingToTheInputIsRefused() {
        Graph.Builder wide = Graph.builder("wide", 8, 6, 12);
        Columns images = wide.input().all();
        wide.add(convolution("stem", Read.raw(images), x.all()))
                .add(convolution("back", Read.raw(x.all()), images))
                .add(head("head", x.all()));
        refused("the node 'back' writes to the input", () -> wide.build());
    }

    // ---------------------------------------------------------------- normalisation

    @Test
    void normalisingTheInputIsRefused() {
        Read images = Read.normalisedRelu(norm("norm"), graph.input().all());
        graph.add(convolution("stem", images, x.all())).add(head("head", x.all()));
        refused(
                "the node 'stem' normalises the input, of which no statistics are taken",
                () -> graph.build());
    }

    @Test
    void anotherEpsilonForTheSameFeaturesIsRefused() {
        Read other = Read.normalisedRelu(new Norm("norm", 1e-3, 0.1), x.all());
        block().add(new Classifier("head", other, "fc", 4));
        refused(
                "the node 'head' reads 'x' with epsilon 0.001, another with 1.0E-5: readers of the"
                        + " same features share their deviations",
                () -> graph.build());
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0.1, epsilon = 0.0 of 'n': use a small positive number",
        "NaN, 0.1, epsilon = NaN of 'n': use a small positive number",
        "1e-5, 0, momentum = 0.0 of 'n': use a number from 0 to 1",
        "1e-5, 1.5, momentum = 1.5 of 'n': use a number from 0 to 1",
    })
    void numbersThatMakeNoNormalisationAreRefused(double epsilon, double momentum, String message) {
        refused(message, () -> new Norm("n", epsilon, momentum));
    }

    // ---------------------------------------------------------------- draws

    @Test
    void aDrawTwiceIsRefused() {
        Read source = Read.raw(graph.input().all());
        graph.add(convolution("one", source, new Drops(7, 0.2, 1), x.prefix(6)))
                .add(convolution("two", source, new Drops(7, 0, 0.5), x.columns(6, 6)))
                .add(head("head", x.all()));
        refused(
                "the nodes 'one' and 'two' would drop the same elements: give each a draw of its"
                        + " own",
                () -> graph.build());
    }

    @Test
    void nodesThatDropNothingMayShareADraw() {
        Read source = Read.raw(graph.input().all());
        graph.add(convolution("one", source, new Drops(7, 0.2, 1), x.prefix(6)))
                .add(convolution("two", source, new Drops(7, 0, 1), x.columns(6, 6)))
                .add(head("head", x.all()));
        assertEquals(3, graph.build().nodes().size());
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "-0.1, 1", "NaN, 1", "0, 0", "0, 1.1", "0, NaN"})
    void whatIsNoProbabilityIsRefused(double rate, double survival) {
        refused(
                "dropout of "
                        + rate
                        + " with survival "
                        + survival
                        + ": use a rate from 0 to below 1 and a survival above 0 and up to 1",
                () -> new Drops(1, rate, survival));
    }

    // ---------------------------------------------------------------- heads

    /** With nodes, too: what the last of them writes is never read then. */
    @Test
    void aNetworkWithoutAHeadIsRefused() {
        refused("the network 'tiny' has no head to train by", () -> graph.build());
        block();
        refused("column 8 of the features 'x' is never read", () -> graph.build());
    }

    // ---------------------------------------------------------------- sizes

    @ParameterizedTest
    @CsvSource({"0, 6, 3", "8, 0, 3", "8, 6, 0", "-1, 6, 3"})
    void featuresWithoutPixelsOrChannelsAreRefused(int height, int width, int channels) {
        refused(
                "the features 'f' would be "
                        + height
                        + "x"
                        + width
                        + " pixels of "
                        + channels
                        + " channels: use larger images or fewer reductions",
                () -> new Features("f", height, width, channels));
    }

    /** What a window that is larger than the images makes has no pixels to be written to. */
    @Test
    void aWindowWithoutPixelsLeftIsRefused() {
        assertEquals(0, new Window(7, 2, 0).output(6));
        Columns target = new Features("y", 1, 1, 2).all();
        refused(
                "the node 'stem' makes 1x0 pixels, the features 'y' have 1x1",
                () ->
                        new ConvolutionLayer(
                                "stem",
                                Read.raw(graph.input().all()),
                                new Window(7, 2, 0),
                                "conv",
                                false,
                                Drops.NOTHING,
                                target));
    }

    @Test
    void windowsWithoutPixelsAreRefused() {
        String mend = ": use positive sizes and a padding smaller than the kernel";
        refused("a window of 0, stride 1, padding 0" + mend, () -> new Window(0, 1, 0));
        refused("a window of 3, stride 0, padding 1" + mend, () -> new Window(3, 0, 1));
        refused("a window of 3, stride 1, padding 3" + mend, () -> new Window(3, 1, 3));
        refused("a window of 3, stride 1, padding -1" + mend, () -> new Window(3, 1, -1));
    }

    @Test
    void oneReadOfDifferentSizesIsRefused() {
        Features y = new Features("y", 4, 3, 2);
        refused(
                "one read of x 8x6x12 and y 4x3x2, which differ in size",
                () -> Read.raw(x.all(), y.all()));
        refused(
                "one read of x 8x6x12 and y 4x3x2, which differ in size",
                () -> Read.normalisedRelu(norm("n"), x.all(), y.all()));
        refused("a read without columns", () -> Read.raw());
    }

    @Test
    void aTargetOfAnotherSizeIsRefusedByEveryKindOfNode() {
        Columns small = new Features("y", 5, 5, 4).all();
        Read.Raw raw = Read.raw(x.prefix(4));
        Read.Normalised read = Read.normalisedRelu(norm("n"), x.all());
        Norm inner = norm("m");
        makes(8, 6, "c", () -> convolution("c", raw, small));
        makes(
                8,
                6,
                "b",
                () -> new BottleneckLayer("b", read, 8, "c1", inner, "c2", Drops.NOTHING, small));
        makes(4, 3, "t", () -> new Transition("t", read, "c", small));
        makes(4, 3, "d", () -> new TransitionDown("d", read, "c", Drops.NOTHING, small));
        makes(4, 3, "s", () -> new PooledConvolution("s", raw, Window.THREE, "c", inner, small));
        makes(4, 3, "p", () -> new Pooling("p", raw, Pooling.Kind.MAX, HALF, small));
        makes(8, 6, "a", () -> new Addition("a", raw, raw, false, small));
        Columns large = new Features("y", 18, 13, 4).all();
        GraphException e =
                assertThrows(GraphException.class, () -> new TransitionUp("u", raw, "c", large));
        assertEquals(
                "the node 'u' makes 17x13 pixels, the features 'y' have 18x13", e.getMessage());
    }

    private static void makes(int height, int width, String node, Executable call) {
        refused(
                "the node '"
                        + node
                        + "' makes "
                        + height
                        + "x"
                        + width
                        + " pixels, the features 'y' have 5x5",
                call);
    }

    // ---------------------------------------------------------------- channels, kinds of reads

    @Test
    void channelsThatDoNotAddUpAreRefused() {
        Columns y = new Features("y", 8, 6, 4).all();
        Read.Raw five = Read.raw(x.prefix(5));
        Read.Raw four = Read.raw(x.prefix(4));
        refused(
                "the sum 'a' of 5 and 4 channels writes 4",
                () -> new Addition("a", five, four, false, y));
        refused(
                "the sum 'a' of 4 and 5 channels writes 4",
                () -> new Addition("a", four, five, false, y));
        refused(
                "the pool 'p' reads 5 channels and writes 4",
                () -> new Pooling("p", five, Pooling.Kind.MAX, Window.THREE, y));
    }

    @Test
    void nodesThatMakeNothingAreRefused() {
        Read.Normalised read = Read.normalisedRelu(norm("n"), x.all());
        refused("the node 'h' has 0 classes", () -> new Classifier("h", read, "fc", 0));
        refused("the node 'h' has -2 classes", () -> new PixelClassifier("h", read, "fc", -2));
        refused(
                "the node 'b' has a bottleneck of 0 channels",
                () ->
                        new BottleneckLayer(
                                "b",
                                read,
                                0,
                                "c1",
                                norm("m"),
                                "c2",
                                Drops.NOTHING,
                                new Features("y", 8, 6, 4).all()));
    }

    /** Width 12 and 8 new channels have 1, 2 and 4 in common. */
    @ParameterizedTest
    @ValueSource(ints = {0, -1, 3, 8, 5})
    void groupsThatDoNotDivideAreRefused(int groups) {
        refused(
                "the node 'b' has a 3x3 convolution in "
                        + groups
                        + " groups: they have to divide its 12 inputs and its 8 outputs",
                () -> grouped(groups));
    }

    @Test
    void aConvolutionInGroupsHasAShareOfTheWeightsAndOfTheCost() {
        BottleneckLayer whole = grouped(1);
        BottleneckLayer parted = grouped(4);
        assertEquals(List.of(8, 12, 3, 3), whole.parameters().getLast().shape());
        assertEquals(List.of(8, 3, 3, 3), parted.parameters().getLast().shape());
        assertEquals(48 * 12 * (12 + 9 * 8), whole.multiplyAdds());
        assertEquals(48 * (12 * 12 + 3 * 9 * 8), parted.multiplyAdds());
    }

    @Test
    void learnedGroupsThatDoNotFitTheirWeightsAreRefused() {
        refused(
                "the weights 'w' have 0 learned groups with a condensation factor of 4: use 1 or"
                        + " more of both",
                () -> new LearnedGroups("w", 0, 4));
        refused(
                "the network 'mine' has no weights 'c3.weight' to have learned groups",
                () -> learned("c3.weight", 4, 4));
        refused(
                "the tensor 'c2.weight' cannot have learned groups: it is not of a 1x1 convolution",
                () -> learned("c2.weight", 4, 4));
        refused(
                "the tensor 'n.weight' cannot have learned groups: it is not of a 1x1 convolution",
                () -> learned("n.weight", 4, 4));
        for (int[] wrong : new int[][] {{5, 4}, {4, 5}, {8, 4}}) {
            refused(
                    "the weights 'c1.weight' have 12 outputs and 12 inputs: "
                            + wrong[0]
                            + " learned groups have to divide both, and a condensation factor of "
                            + wrong[1]
                            + " the inputs",
                    () -> learned("c1.weight", wrong[0], wrong[1]));
        }
        Graph made = learned("c1.weight", 3, 4);
        assertEquals(List.of(new LearnedGroups("c1.weight", 3, 4)), made.learnedGroups());
        assertEquals(List.of(12, 12, 1, 1), made.parameter("c1.weight").shape());
        assertEquals(made.parameterCount() - 3 * 144 / 4, made.condensedParameterCount());
        assertEquals(made.multiplyAdds() - 48 * 3 * 144 / 4, made.condensedMultiplyAdds());
        assertEquals(
                "the network 'mine' has no parameter c3.weight",
                assertThrows(IllegalArgumentException.class, () -> made.parameter("c3.weight"))
                        .getMessage());
        Graph read = GraphJson.read("mine", GraphJson.write(made));
        assertEquals(made.learnedGroups(), read.learnedGroups());
        assertEquals(
                "statistics of evaluation, initialisation or learned groups",
                GraphJson.difference(made, learned("c1.weight", 3, 2)).orElseThrow());
    }

    private static Graph learned(String weight, int groups, int factor) {
        Graph.Builder builder = Graph.builder("mine", 8, 6, 3);
        Features from = new Features("x", 8, 6, 12);
        Features to = new Features("y", 8, 6, 8);
        return builder.add(convolution("stem", Read.raw(builder.input().all()), from.all()))
                .add(
                        new BottleneckLayer(
                                "b",
                                Read.normalisedRelu(norm("n"), from.all()),
                                12,
                                "c1",
                                norm("m"),
                                "c2",
                                Drops.NOTHING,
                                to.all()))
                .add(head("head", to.all()))
                .learnedGroups(new LearnedGroups(weight, groups, factor))
                .build();
    }

    private BottleneckLayer grouped(int groups) {
        return new BottleneckLayer(
                "b",
                Read.normalisedRelu(norm("n"), x.all()),
                12,
                "c1",
                norm("m"),
                "c2",
                groups,
                Drops.NOTHING,
                new Features("y", 8, 6, 8).all());
    }

    /** A convolution of the input into two columns, with or without a norm of its own. */
    private static Graph.Builder written(Features x, boolean normalised) {
        Graph.Builder graph = Graph.builder("written", 4, 4, 2);
        Read images = Read.raw(graph.input().all());
        return graph.add(
                new ConvolutionLayer(
                        "a",
                        images,
                        Window.THREE,
                        "a.conv",
                        false,
                        Drops.NOTHING,
                        x.prefix(2),
                        normalised ? Optional.of(Norm.of("a.norm")) : Optional.empty()));
    }

    @Test
    void normsOfWritersBelongToAllThatReadTheirColumns() {
        Features x = new Features("x", 4, 4, 2);
        Graph graph =
                written(x, true)
                        .add(new Classifier("head", Read.activated(x.all()), "fc", 2))
                        .build();
        assertTrue(graph.isActivated(x));
        assertEquals(
                List.of("a.conv.weight", "a.norm.weight", "a.norm.bias", "fc.weight", "fc.bias"),
                graph.parameters().stream().map(ParameterSpec::name).toList());
        Graph.WrittenNorm second = graph.norms(x.columns(1, 1)).getFirst();
        assertEquals("a", second.writer().name());
        assertEquals(1, second.first());
        refused(
                "the node 'head' reads x[0..2), which 'a' normalises: read it activated",
                () ->
                        written(x, true)
                                .add(new Classifier("head", Read.raw(x.all()), "fc", 2))
                                .build());
        refused(
                "the node 'head' reads x[0..2) activated, but 'a' writes some of it without a norm"
                        + " of its own",
                () ->
                        written(x, false)
                                .add(new Classifier("head", Read.activated(x.all()), "fc", 2))
                                .build());
        refused(
                "the node 'head' normalises the input, of which no statistics are taken",
                () -> {
                    Graph.Builder g = Graph.builder("input", 4, 4, 2);
                    g.add(new Classifier("head", Read.activated(g.input().all()), "fc", 2)).build();
                });
        refused(
                "the network 'written' evaluates with the batch's statistics: there the norms"
                        + " belong to those who read, not to those who write",
                () ->
                        written(x, true)
                                .evaluatesWithBatchStatistics(true)
                                .add(new Classifier("head", Read.activated(x.all()), "fc", 2))
                                .build());
    }

    @Test
    void readsThatAKindOfNodeHasNoKernelForAreRefused() {
        Features y = new Features("y", 8, 6, 12);
        Columns half = new Features("half", 4, 3, 12).all();
        Read.Normalised two = Read.normalisedRelu(norm("n"), x.prefix(6), y.prefix(6));
        Read.Normalised linear = Read.normalised(norm("n"), x.all());
        for (Read.Normalised read : List.of(two, linear)) {
            refused(
                    "the node 'b' has a bottleneck: it reads columns of one matrix, behind BN-ReLU",
                    () ->
                            new BottleneckLayer(
                                    "b",
                                    read,
                                    8,
                                    "c1",
                                    norm("m"),
                                    "c2",
                                    Drops.NOTHING,
                                    y.columns(6, 6)));
            refused(
                    "the node 't' is a transition: it reads columns of one matrix, behind BN-ReLU",
                    () -> new Transition("t", read, "c", half));
            refused(
                    "the node 'h' is a classifier: it reads columns of one matrix, as they are or"
                            + " behind BN-ReLU",
                    () -> new Classifier("h", read, "fc", 2));
        }
        String sum =
                "the sum 'a' reads columns of one matrix each, as they are or behind batch"
                        + " normalisation without ReLU";
        Read.Raw raw = Read.raw(x.all());
        refused(sum, () -> new Addition("a", raw, two, false, y.all()));
        Read.Normalised relu = Read.normalisedRelu(norm("n"), x.all());
        refused(sum, () -> new Addition("a", relu, raw, false, y.all()));
        refused(
                "the sum 'a' has a ReLU behind it: its branch is normalised",
                () -> new Addition("a", raw, raw, true, y.all()));
    }

    /** As Caffe rounds, which DSOD's 75 pixels and then 38, 19, 10, 5, 3 and 2 come from. */
    @Test
    void aPoolOfAllPixelsHasAWindowForTheLastOne() {
        Window halves = new Window(2, 2, 0);
        int size = 75;
        for (int wanted : new int[] {38, 19, 10, 5, 3, 2, 1}) {
            Features from = new Features("from", size, size, 1);
            Features to = new Features("to", wanted, wanted, 1);
            Pooling pool =
                    new Pooling(
                            "p", Read.raw(from.all()), Pooling.Kind.MAX_OF_ALL, halves, to.all());
            assertEquals(wanted, pool.output(size));
            size = wanted;
        }
        // A window that would start in the padding behind the image is none.
        assertEquals(2, new Window(2, 2, 1).outputOfAll(3));
        assertEquals(3, new Window(2, 2, 1).outputOfAll(4));
        Features odd = new Features("odd", 8, 7, 12);
        Columns five = new Features("y", 5, 5, 12).all();
        makes(
                4,
                4,
                "p",
                () -> new Pooling("p", Read.raw(odd.all()), Pooling.Kind.MAX_OF_ALL, halves, five));
    }

    @Test
    void depthwiseLayersThatAreNoneAreRefused() {
        Features x = new Features("x", 4, 4, 6);
        Read.Raw prefix = Read.raw(x.prefix(4));
        LayerNorm norm = LayerNorm.of("norm");
        Drops path = new Drops(1, 0, 0.5);
        refused(
                "the node 'd' has kernels of 4: use an odd size",
                () -> depthwise(prefix, 4, norm, 8, path, x.columns(4, 2)));
        refused(
                "the node 'd' has a middle of 0 channels",
                () -> depthwise(prefix, 3, norm, 0, path, x.columns(4, 2)));
        refused(
                "the node 'd' has kernels of its own: it reads columns of one matrix",
                () ->
                        depthwise(
                                Read.raw(x.prefix(2), x.columns(2, 2)),
                                3,
                                norm,
                                8,
                                path,
                                x.columns(4, 2)));
        refused(
                "the node 'd' is dropped image by image: use a dropout rate of 0",
                () -> depthwise(prefix, 3, norm, 8, new Drops(1, 0.1, 1), x.columns(4, 2)));
        refused(
                "the node 'd' makes 4x4 pixels, the features 'y' have 3x4",
                () -> depthwise(prefix, 3, norm, 8, path, new Features("y", 3, 4, 2).all()));
        refused(
                "epsilon = 0.0 of 'norm': use a small positive number",
                () -> new LayerNorm("norm", 0));
        refused(
                "the node 'p' makes 2x2 pixels, the features 'x' have 4x4",
                () ->
                        new PatchConvolution(
                                "p",
                                prefix,
                                2,
                                "conv",
                                norm,
                                PatchConvolution.NormPlace.BEFORE,
                                x.columns(4, 2)));
    }

    @Test
    void onlyConvolutionLayersReadFeaturesBehindAnL2Norm() {
        L2Norm norm = L2Norm.of("l2");
        Features y = new Features("y", 4, 3, 12);
        block();
        graph.add(
                new Pooling(
                        "pool", Read.l2Normalised(norm, x.all()), Pooling.Kind.MAX, HALF, y.all()));
        refused(
                "the node 'pool' reads x[0..12) behind an L2 norm: only convolution layers read"
                        + " features so",
                () -> graph.build());
        Graph.Builder other = Graph.builder("tiny", 8, 6, 3);
        Columns input = other.input().all();
        other.add(convolution("first", Read.l2Normalised(norm, input), x.all()));
        refused(
                "the node 'first' reads input[0..3) behind an L2 norm: only convolution layers read"
                        + " features so",
                () -> other.build());
        refused(
                "'l2' normalises pixels: it reads columns of one matrix",
                () -> new Read.L2Normalised(List.of(x.prefix(3), x.columns(5, 2)), norm));
        refused("epsilon = 0.0 of 'l2': use a small positive number", () -> new L2Norm("l2", 0));
    }

    @Test
    void aHeadWithoutWeightsHasAnOutputForEachChannelThatItReads() {
        Read read = Read.normalised(norm("norm"), x.columns(8, 4));
        Graph built = block().add(new PixelLogits("head", read)).add(rest()).build();
        assertEquals(List.of("head", "rest"), built.heads().stream().map(Node::name).toList());
        PixelLogits head = (PixelLogits) built.heads().getFirst();
        assertEquals(4, head.classes());
        assertEquals(
                List.of("norm.weight", "norm.bias"),
                head.parameters().stream().map(ParameterSpec::name).toList());
        assertTrue(built.classifiesPixels());
        assertEquals(48, built.labelsPerImage());
    }

    private PixelLogits rest() {
        return new PixelLogits("rest", Read.raw(x.prefix(8)));
    }

    private static DepthwiseLayer depthwise(
            Read.Raw source, int kernel, LayerNorm norm, int width, Drops drops, Columns target) {
        return new DepthwiseLayer(
                "d",
                source,
                kernel,
                "depthwise",
                norm,
                width,
                "expansion",
                "projection",
                Optional.empty(),
                "scale",
                drops,
                target);
    }

    @Test
    void blurPoolsThatAreNoneAreRefused() {
        Columns half = new Features("half", 4, 3, 12).all();
        Pooling.Kind blur = Pooling.Kind.MAX_THEN_BLUR;
        Read.Raw raw = Read.raw(x.all());
        refused(
                "the pool 'p' blurs: its window is 3, with stride 2 and padding 1",
                () -> new Pooling("p", raw, blur, HALF, half));
        Features line = new Features("line", 1, 6, 12);
        refused(
                "the pool 'p' blurs: it reads at least 2x2 pixels, to reflect",
                () ->
                        new Pooling(
                                "p",
                                Read.raw(line.all()),
                                blur,
                                new Window(3, 2, 1),
                                new Features("y", 1, 3, 12).all()));
    }
}
