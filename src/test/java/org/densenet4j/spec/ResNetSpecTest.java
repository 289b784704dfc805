package org.densenet4j.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.Addition;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.Pooling;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;
import org.densenet4j.spec.ResNetSpec.Shortcut;
import org.densenet4j.spec.ResNetSpec.Unit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

class ResNetSpecTest {
    /**
     * Parameters of torchvision's models and of the authors' code for small images; multiply-adds
     * are counted by hand from the papers' tables.
     */
    @ParameterizedTest
    @CsvSource({
        "resnet18, 11689512, 1814073344",
        "resnet34, 21797672, 3663761408",
        "resnet50, 25557032, 4089184256",
        "resnet101, 44549160, 7801405440",
        "resnet152, 60192808, 11513626624",
        "cifar-resnet-20, 269722, 40551040",
        "cifar-resnet-32, 464154, 68862592",
        "cifar-resnet-44, 658586, 97174144",
        "cifar-resnet-56, 853018, 125485696",
        "cifar-resnet-110, 1727962, 252887680",
        "cifar-resnet-1202, 19421274, 2829238912",
        "cifar-preresnet-110, 1727962, 252887680",
        "cifar-preresnet-29, 312218, 43960832",
        "cifar-preresnet-164, 1703258, 244500992",
        "cifar-preresnet-1001, 10327706, 1487849984",
    })
    void countsAreTheKnownOnes(String model, long parameters, long multiplyAdds) {
        Graph graph = ResNetSpec.preset(model).build().graph();
        assertEquals(parameters, graph.parameterCount());
        assertEquals(multiplyAdds, graph.multiplyAdds());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "resnet18",
                "resnet34",
                "resnet50",
                "resnet101",
                "resnet152",
                "cifar-resnet-8",
                "cifar-resnet-110",
                "cifar-preresnet-1001",
                "cifar-preresnet-20"
            })
    void namesCountTheLayersWithWeights(String model) {
        ResNetSpec spec = ResNetSpec.preset(model).build();
        assertEquals(model, spec.name());
        assertTrue(model.endsWith(String.valueOf(spec.depth())), model);
        long weights =
                spec.graph().parameters().stream()
                        .filter(p -> p.role().isWeight() && !p.name().contains("downsample"))
                        .count();
        assertEquals(spec.depth(), weights);
    }

    /** torchvision's, written out as its modules nest. */
    @ParameterizedTest
    @ValueSource(strings = {"resnet18", "resnet34", "resnet50", "resnet101", "resnet152"})
    void tensorsHaveTorchvisionsNames(String model) {
        ResNetSpec spec = ResNetSpec.preset(model).build();
        boolean bottleneck = spec.unit() == Unit.BOTTLENECK;
        List<String> modules = new ArrayList<>(List.of("conv1", "bn1"));
        for (int stage = 1; stage <= 4; stage++) {
            for (int unit = 0; unit < spec.unitsPerStage().get(stage - 1); unit++) {
                String name = "layer" + stage + "." + unit + ".";
                modules.addAll(List.of(name + "conv1", name + "bn1", name + "conv2", name + "bn2"));
                if (bottleneck) {
                    modules.addAll(List.of(name + "conv3", name + "bn3"));
                }
                if (unit == 0 && (bottleneck || stage > 1)) {
                    modules.addAll(List.of(name + "downsample.0", name + "downsample.1"));
                }
            }
        }
        Set<String> expected = new HashSet<>(Set.of("fc.weight", "fc.bias"));
        for (String module : modules) {
            expected.add(module + ".weight");
            if (module.contains("bn") || module.endsWith("downsample.1")) {
                expected.addAll(
                        List.of(
                                module + ".bias",
                                module + ".running_mean",
                                module + ".running_var"));
            }
        }
        Graph graph = spec.graph();
        List<String> found =
                Stream.concat(graph.parameters().stream(), graph.runningStatistics().stream())
                        .map(ParameterSpec::name)
                        .toList();
        assertEquals(expected, new HashSet<>(found));
        assertEquals(expected.size(), found.size());
    }

    @ParameterizedTest
    @CsvSource({
        "resnet50, 224, 224, 56x56x256 28x28x512 14x14x1024 7x7x2048",
        "resnet18, 97, 33, 25x9x64 13x5x128 7x3x256 4x2x512",
        "cifar-resnet-20, 32, 32, 32x32x16 16x16x32 8x8x64",
        "cifar-preresnet-29, 9, 11, 9x11x64 5x6x128 3x3x256",
    })
    void stagesHalveSizesAndRoundUp(String model, int height, int width, String stages) {
        ResNetSpec spec = ResNetSpec.preset(model).inputSize(height, width).build();
        List<String> found = new ArrayList<>();
        for (int stage = 1; stage <= spec.unitsPerStage().size(); stage++) {
            String last = "layer" + stage + "." + (spec.unitsPerStage().get(stage - 1) - 1);
            Features f = features(spec.graph(), last);
            found.add(f.height() + "x" + f.width() + "x" + f.channels());
        }
        assertEquals(stages, String.join(" ", found));
    }

    private static Features features(Graph graph, String name) {
        return graph.features().stream()
                .filter(f -> f.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static <N extends Node> N node(Graph graph, String name, Class<N> kind) {
        return assertInstanceOf(
                kind,
                graph.nodes().stream()
                        .filter(n -> n.name().equals(name))
                        .findFirst()
                        .orElseThrow());
    }

    private static boolean has(Graph graph, String name) {
        return graph.nodes().stream().anyMatch(n -> n.name().equals(name));
    }

    @Test
    void aUnitAddsItsNormalisedBranchToAnActivatedShortcut() {
        Graph graph = ResNetSpec.resnet50().build().graph();
        Addition first = node(graph, "layer1.0.sum", Addition.class);
        assertTrue(first.relu());
        assertEquals("layer1.0.bn3", norm(first.branch()));
        assertEquals("layer1.0.downsample.1", norm(first.shortcut()));
        Addition second = node(graph, "layer1.1.sum", Addition.class);
        assertEquals(Read.raw(features(graph, "layer1.0").all()), second.shortcut());
        assertFalse(has(graph, "layer1.1.downsample"));
        ConvolutionLayer conv3 = node(graph, "layer1.1.conv3", ConvolutionLayer.class);
        assertEquals("layer1.1.bn2", norm(conv3.source()));
        assertTrue(((Read.Normalised) conv3.source()).relu());
        Classifier head = (Classifier) graph.heads().getLast();
        assertEquals(Read.raw(features(graph, "layer4.2").all()), head.source());
    }

    private static String norm(Read read) {
        return assertInstanceOf(Read.Normalised.class, read).norm().name();
    }

    @Test
    void aPreActivatedUnitAddsPlainValues() {
        Graph graph = ResNetSpec.cifarPreActivation(29).build().graph();
        Addition sum = node(graph, "layer2.1.sum", Addition.class);
        assertFalse(sum.relu());
        assertEquals(Read.raw(features(graph, "layer2.1.convolved3").all()), sum.branch());
        assertEquals(Read.raw(features(graph, "layer2.0").all()), sum.shortcut());
        ConvolutionLayer conv1 = node(graph, "layer2.1.conv1", ConvolutionLayer.class);
        assertEquals("layer2.1.bn1", norm(conv1.source()));
        Classifier head = (Classifier) graph.heads().getLast();
        assertEquals("bn", norm(head.source()));
    }

    /** Made once, because both branches of a stage's first unit read them. */
    @Test
    void aStagesFirstUnitSharesItsActivatedFeatures() {
        Graph graph = ResNetSpec.cifarPreActivation(29).build().graph();
        for (int stage = 1; stage <= 3; stage++) {
            String unit = "layer" + stage + ".0";
            Pooling activation = node(graph, unit + ".activation", Pooling.class);
            assertEquals(unit + ".bn1", norm(activation.source()));
            assertEquals(Window.POINT, activation.window());
            Read activated = Read.raw(features(graph, unit + ".activated").all());
            assertEquals(activated, node(graph, unit + ".conv1", ConvolutionLayer.class).source());
            assertEquals(
                    activated, node(graph, unit + ".downsample", ConvolutionLayer.class).source());
            assertFalse(has(graph, "layer" + stage + ".1.activation"));
        }
        Graph basic = ResNetSpec.cifarPreActivation(14).build().graph();
        assertEquals(
                Read.raw(features(basic, "layer1.0.activated").all()),
                node(basic, "layer1.0.sum", Addition.class).shortcut());
    }

    @Test
    void behindTheStemForImageNetTheFirstUnitHasNoActivationOfItsOwn() {
        Graph graph = ResNetSpec.resnet18().preActivation(true).inputSize(64).build().graph();
        assertFalse(has(graph, "layer1.0.activation"));
        assertEquals(
                Read.raw(features(graph, "layer1").all()),
                node(graph, "layer1.0.conv1", ConvolutionLayer.class).source());
        assertTrue(has(graph, "layer2.0.activation"));
    }

    @Test
    void aShortcutOfOptionASubsamplesAndHasNoWeights() {
        Graph graph = ResNetSpec.cifar(20).build().graph();
        Pooling subsample = node(graph, "layer2.0.subsample", Pooling.class);
        assertEquals(new Window(1, 2, 0), subsample.window());
        assertEquals(Pooling.Kind.AVERAGE, subsample.kind());
        assertEquals(List.of(), subsample.parameters());
        Addition sum = node(graph, "layer2.0.sum", Addition.class);
        assertEquals(16, sum.shortcut().channels());
        assertEquals(32, sum.target().count());
        assertFalse(has(graph, "layer1.0.subsample"));
    }

    @Test
    void aBottlenecksStrideIsInThe3x3UnlessItIsPreActivated() {
        Graph after = ResNetSpec.resnet50().build().graph();
        assertEquals(1, window(after, "layer2.0.conv1").stride());
        assertEquals(new Window(3, 2, 1), window(after, "layer2.0.conv2"));
        Graph before = ResNetSpec.cifarPreActivation(29).build().graph();
        assertEquals(new Window(1, 2, 0), window(before, "layer2.0.conv1"));
        assertEquals(Window.THREE, window(before, "layer2.0.conv2"));
        Graph basic = ResNetSpec.resnet18().build().graph();
        assertEquals(new Window(3, 2, 1), window(basic, "layer2.0.conv1"));
        assertEquals(Window.THREE, window(basic, "layer2.0.conv2"));
    }

    private static Window window(Graph graph, String name) {
        return node(graph, name, ConvolutionLayer.class).window();
    }

    /** Both papers' 110 is of basic units; 164 and 1001 have bottlenecks. */
    @ParameterizedTest
    @CsvSource({
        "14, BASIC",
        "20, BASIC",
        "29, BOTTLENECK",
        "110, BASIC",
        "146, BASIC",
        "155, BOTTLENECK",
        "164, BOTTLENECK",
        "182, BOTTLENECK",
        "1001, BOTTLENECK",
        "1202, BASIC",
    })
    void depthsOfPreActivatedNetworksSayWhichUnitsTheyHave(int depth, Unit unit) {
        ResNetSpec spec = ResNetSpec.cifarPreActivation(depth).build();
        assertEquals(unit, spec.unit());
        assertEquals(depth, spec.depth());
        assertEquals(
                unit == Unit.BASIC ? Shortcut.SUBSAMPLED : Shortcut.PROJECTED, spec.shortcut());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"resnet50", "cifar-resnet-20", "cifar-preresnet-29", "cifar-preresnet-20"})
    void noNodesOrFeaturesNameIsWhereAnotherNodesBuffersAre(String model) {
        Graph graph = ResNetSpec.preset(model).build().graph();
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
    void aSpecIsEqualToOneWithTheSameFields() {
        ResNetSpec spec = ResNetSpec.preset(" CIFAR-PreResNet-29 ").build();
        assertEquals(spec, spec.toBuilder().build());
        assertEquals(spec.hashCode(), spec.toBuilder().build().hashCode());
        assertNotEquals(spec, spec.toBuilder().preActivation(false).build());
        assertEquals(
                "ResNet cifar-preresnet-29 (pre-activated bottleneck units 3, 3, 3, projected"
                        + " shortcuts, 16 channels, input 32x32x3, classes 10)",
                spec.toString());
    }

    @Test
    void impossibleSpecsAreRefusedNamingTheFieldAndTheFix() {
        refused(
                "depth 21 does not fit a CIFAR ResNet, whose depth is 6n + 2; the nearest are 20"
                        + " and 26",
                () -> ResNetSpec.cifar(21));
        refused("the smallest is 8", () -> ResNetSpec.cifar(-4));
        refused("the nearest are 26 and 29", () -> ResNetSpec.cifarPreActivation(28));
        refused("the smallest is 8", () -> ResNetSpec.preset("cifar-preresnet-5"));
        refused(
                "no model named 'resnet51'; use resnet18/34/50/101/152, cifar-resnet-DEPTH,"
                        + " cifar-preresnet-DEPTH",
                () -> ResNetSpec.preset("resnet51"));
        refused("no model named", () -> ResNetSpec.preset("cifar-resnet-99999999"));
        ResNetSpec.Builder b = ResNetSpec.builder();
        refused("unitsPerStage is empty", () -> b.unitsPerStage().build());
        refused("unitsPerStage = 0", () -> b.unitsPerStage(1, 0).build());
        refused("unitsPerStage adds up to 5000", () -> b.unitsPerStage(5000).build());
        refused("initialChannels = -1", () -> b.unitsPerStage(1).initialChannels(-1).build());
        refused(
                "stage 6 would have 33554432 channels, more than 16777216; use fewer stages",
                () -> b.unitsPerStage(1, 1, 1, 1, 1, 1).initialChannels(1 << 20).build());
        refused("classes = 0", () -> ResNetSpec.cifar(20).classes(0).build());
        refused("inputSize = 0", () -> ResNetSpec.cifar(20).inputSize(0).build());
        refused(
                "stem = DEEP: use SMALL or IMAGENET for a ResNet",
                () -> ResNetSpec.resnet50().stem(Stem.DEEP).build());
        refused("bnEpsilon = 1.0", () -> ResNetSpec.cifar(20).bnEpsilon(1).build());
    }

    private static void refused(String message, Executable call) {
        String text = assertThrows(IllegalArgumentException.class, call).getMessage();
        assertTrue(text.contains(message), text);
    }
}
