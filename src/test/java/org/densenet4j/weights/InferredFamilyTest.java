package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.spec.CondenseNetSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.DsodSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.MsdNetSpec;
import org.densenet4j.spec.RdNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.spec.Stem;
import org.densenet4j.testing.RecordedNetworks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Networks of every family are recognised by the names and shapes of their tensors alone. */
class InferredFamilyTest {
    private static final Path FILE = Path.of("weights.pth");

    @TempDir private Path folder;

    /** But for DSOD, whose default boxes do not follow from tensors. */
    static List<String> recorded() throws IOException {
        return RecordedNetworks.counts().stream()
                .map(counted -> counted[0])
                .filter(network -> !network.startsWith("dsod"))
                .toList();
    }

    /** What the network of that name has in PyTorch. */
    private static List<ParameterSpec> tensors(String network) throws IOException {
        return RecordedNetworks.tensors(network).stream().map(InferredFamilyTest::tensor).toList();
    }

    private static ParameterSpec tensor(String line) {
        String[] fields = line.split("\t", -1);
        List<Integer> shape =
                Arrays.stream(fields[1].split(",", -1)).map(Integer::valueOf).toList();
        return new ParameterSpec(fields[0], shape, ParameterSpec.Role.CONV_WEIGHT);
    }

    private static FamilySpec inferred(List<ParameterSpec> tensors) throws IOException {
        return InferredSpec.of(FileTensors.of(FILE, new ShapesOnly(tensors)));
    }

    /** As the usual port of FC-DenseNet computes it, whose names these are. */
    private static FamilySpec ofPorts(FamilySpec spec) {
        return spec instanceof FcDenseNetSpec fc
                ? fc.toBuilder().bnEpsilon(1e-5).evaluatesWithBatchStatistics(false).build()
                : spec;
    }

    @ParameterizedTest
    @MethodSource("recorded")
    void thePyTorchNetworkIsKnownByItsTensors(String network) throws IOException {
        FamilySpec expected = ofPorts(FamilySpec.preset(network).build());
        List<ParameterSpec> wrapped =
                tensors(network).stream()
                        .map(p -> new ParameterSpec("module." + p.name(), p.shape(), p.role()))
                        .toList();
        assertEquals(expected, inferred(wrapped));
    }

    static Stream<FamilySpec> families() {
        return SmallNetworks.families()
                .filter(spec -> !(spec instanceof DsodSpec))
                .filter(spec -> !(spec instanceof DenseNetSpec s && s.stem().isDeep()));
    }

    @ParameterizedTest
    @MethodSource("families")
    void networksOfOnesOwnAreBuiltFromTheirShapes(FamilySpec spec) throws IOException {
        FamilySpec found = InferredSpec.of(FileTensors.of(FILE, new ShapesOnly(spec)));
        int usual = imageNet(spec) ? 224 : 32;
        assertEquals(usual, found.inputHeight());
        int[] size = {spec.inputHeight(), spec.inputWidth()};
        assertEquals(spec, found.toBuilder().inputSize(size[0], size[1]).build());
    }

    private static boolean imageNet(FamilySpec spec) {
        return switch (spec) {
            case DenseNetSpec s -> s.stem() == Stem.IMAGENET;
            case ResNetSpec s -> s.stem() == Stem.IMAGENET;
            case FcDenseNetSpec _ -> true;
            case CondenseNetSpec _ -> false;
            case MsdNetSpec s -> s.stem() == Stem.IMAGENET;
            case RdNetSpec _ -> true;
            case DsodSpec _ -> throw new IllegalArgumentException(spec.name());
        };
    }

    @Test
    void classesAndChannelsAreThoseOfTheFile() throws IOException {
        for (String name : List.of("resnet18", "fc-densenet56", "cifar-preresnet-20")) {
            FamilySpec spec = ofPorts(FamilySpec.preset(name).classes(3).inputChannels(1).build());
            assertEquals(spec, InferredSpec.of(FileTensors.of(FILE, new ShapesOnly(spec))));
        }
    }

    @Test
    void otherPortsNamesOfShortcutsAndHeadsAreKnown() throws IOException {
        ResNetSpec spec =
                ResNetSpec.cifar(20).shortcut(ResNetSpec.Shortcut.PROJECTED).classes(6).build();
        UnaryOperator<String> port =
                name -> name.replace(".downsample.", ".shortcut.").replace("fc.", "linear.");
        Path path = new RandomModel(spec, 1).writeForeign(folder.resolve("w.st"), port);
        try (Model model = Model.open(path)) {
            assertEquals(spec.toBuilder().name("custom").build(), model.spec());
            assertTrue(model.report().untold().isEmpty());
        }
    }

    // ------------------------------------------------- what files do not tell

    @Test
    void howAnFcDenseNetNormalisesIsTold() throws IOException {
        FcDenseNetSpec ofPort = SmallNetworks.fcDenseNet();
        RandomModel random = new RandomModel(ofPort, 1);
        Path path = random.writeForeign(folder.resolve("w.st"), name -> name);
        try (Model model = Model.open(path)) {
            assertEquals(224, model.spec().inputWidth());
            assertEquals(ofPort, model.withInputSize(13, 10).spec());
            assertTold(model, "usual PyTorch port's, with running statistics");
        }
        FcDenseNetSpec ofAuthors =
                ofPort.toBuilder().bnEpsilon(1e-4).evaluatesWithBatchStatistics(true).build();
        try (Model model = Model.open(path, ofAuthors, LoadOptions.strict())) {
            assertEquals(ofAuthors, model.spec());
            assertTold(model, "authors', with statistics of the images that are run together");
        }
        FcDenseNetSpec said = ofAuthors.toBuilder().bnEpsilon(1e-3).build();
        try (Model model = Model.open(path, said, LoadOptions.strict())) {
            assertTrue(model.report().untold().isEmpty());
        }
        try (Model model = Model.open(random.write(folder.resolve("recorded.st")))) {
            assertTrue(model.report().untold().isEmpty());
        }
    }

    @Test
    void whatShortcutsWithoutWeightsFillIsTold() throws IOException {
        ResNetSpec spec = ResNetSpec.cifar(8).build();
        Path path = new RandomModel(spec, 1).writeForeign(folder.resolve("w.st"), name -> name);
        try (Model model = Model.open(path)) {
            assertEquals(spec, model.spec());
            assertTold(model, "zeros behind the old channels");
        }
    }

    private static void assertTold(Model model, String what) {
        String line = model.report().untold().orElseThrow();
        assertTrue(line.contains(what), line);
        assertEquals(1, line.lines().count());
    }

    // ------------------------------------------------- what is misleading

    private static List<ParameterSpec> changed(
            NetworkSpec spec, String name, ParameterSpec... instead) {
        List<ParameterSpec> tensors = new ArrayList<>();
        for (ParameterSpec p : spec.graph().parameters()) {
            tensors.addAll(p.name().equals(name) ? List.of(instead) : List.of(p));
        }
        return tensors;
    }

    private static FamilySpec small(String family) {
        return switch (family) {
            case "fc" -> SmallNetworks.fcDenseNet();
            case "preresnet" -> ResNetSpec.cifarPreActivation(20).build();
            case "bottleneck" -> ResNetSpec.resnet50().unitsPerStage(1, 1).build();
            default -> ResNetSpec.cifar(8).build();
        };
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    fc        | firstconv.weight                         | firstconv.weight is missing
                    fc        | denseBlocksDown.0.layers.0.conv.weight   | is missing
                    fc        | bottleneck.bottleneck.layers.0.conv.weight | bottleneckLayers = 0
                    fc        | denseBlocksUp.1.layers.0.conv.weight     | upLayers has 1 blocks
                    resnet    | conv1.weight                             | conv1.weight is missing
                    resnet    | layer1.0.conv1.weight                    | layer1.0.conv1.weight is missing
                    preresnet | conv1.weight                             | conv1.weight is missing
                    """)
    void whatIsMissingIsNamed(String family, String without, String expected) {
        List<ParameterSpec> tensors = changed(small(family), without);
        Exception e = assertThrows(IllegalArgumentException.class, () -> inferred(tensors));
        assertTrue(e.getMessage().contains(expected), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    resnet | conv1.weight     | 16,3,5,5 | stems have 7x7 or 3x3
                    resnet | conv1.weight     | 16,3,3   | conv1.weight is [16, 3, 3]
                    resnet | conv1.weight     | 0,3,3,3  | conv1.weight is [0, 3, 3, 3]
                    resnet | fc.weight        | 10,64,1  | fc.weight is [10, 64, 1]
                    fc     | finalConv.weight | 4,9      | finalConv.weight is [4, 9]
                    fc     | firstconv.weight | 5        | firstconv.weight is [5]
                    """)
    void shapesThatCannotBeAreNamed(String family, String name, String shape, String expected) {
        List<Integer> sides = Arrays.stream(shape.split(",", -1)).map(Integer::valueOf).toList();
        ParameterSpec other = new ParameterSpec(name, sides, ParameterSpec.Role.CONV_WEIGHT);
        List<ParameterSpec> tensors = changed(small(family), name, other);
        Exception e = assertThrows(IllegalArgumentException.class, () -> inferred(tensors));
        assertTrue(e.getMessage().contains(expected), e.getMessage());
    }

    /** ResNeXt, wide and squeezed ResNets have the names and others' shapes or more tensors. */
    @ParameterizedTest
    @CsvSource({
        "layer1.0.conv2.weight, 'layer1.0.conv2.weight,64,4,3,3', mis-shaped",
        "layer1.0.conv1.weight, 'layer1.0.conv1.weight,128,64,1,1', mis-shaped",
        "conv1.weight, 'conv1.weight,64,3,7,7;layer1.0.se.fc1.weight,4,64,1,1', unexpected"
    })
    void relativesAreRefusedWithWhatDoesNotFit(String name, String instead, String expected)
            throws IOException {
        ParameterSpec[] others =
                Arrays.stream(instead.split(";", -1))
                        .map(text -> text.replaceFirst(",", "\t") + "\t")
                        .map(InferredFamilyTest::tensor)
                        .toArray(ParameterSpec[]::new);
        NetworkSpec spec = small("bottleneck");
        List<ParameterSpec> tensors = changed(spec, name, others);
        tensors.addAll(spec.graph().runningStatistics());
        ShapesOnly file = new ShapesOnly(tensors);
        FamilySpec found = InferredSpec.of(FileTensors.of(FILE, file));
        WeightsException e =
                assertThrows(
                        WeightsException.class,
                        () -> WeightMatch.of(FILE, file, found, LoadOptions.strict()));
        assertTrue(e.getMessage().contains("1 " + expected), e.getMessage());
        assertTrue(e.getMessage().contains(others[others.length - 1].name()), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void aFileOfAnotherFamilyIsToldForWhatItIs() throws IOException {
        for (FamilySpec spec : List.of(small("fc"), small("resnet"))) {
            Path path = new RandomModel(spec, 1).writeForeign(folder.resolve("w.st"), name -> name);
            for (FamilySpec wanted :
                    List.of(
                            DenseNetSpec.bc(10, 4).build(),
                            ResNetSpec.resnet18().build(),
                            FcDenseNetSpec.fcDenseNet56().build())) {
                if (wanted.getClass().equals(spec.getClass())) {
                    continue;
                }
                IOException e =
                        assertThrows(
                                IOException.class,
                                () -> Model.open(path, wanted, LoadOptions.strict()).close());
                String likeThose = "; they are those of ";
                assertTrue(e.getMessage().contains(likeThose), e.getMessage());
                assertTrue(
                        e.getMessage().contains(spec.toString().substring(0, 6)), e.getMessage());
            }
        }
    }

    @Test
    void aDeeperNetworkOfTheSameFamilyIsToldForWhatItIs() throws IOException {
        Path path =
                new RandomModel(ResNetSpec.cifar(14).build(), 1)
                        .writeForeign(folder.resolve("w.st"), name -> name);
        ResNetSpec wanted = ResNetSpec.cifar(8).build();
        IOException e =
                assertThrows(
                        IOException.class,
                        () -> Model.open(path, wanted, LoadOptions.strict()).close());
        assertTrue(
                e.getMessage().contains("Its tensors are those of ResNet cifar-resnet-14"),
                e.getMessage());
    }

    @Test
    void namesOfNoFamilyAreRefusedWithThoseThatAreKnown() {
        List<ParameterSpec> tensors =
                List.of(
                        ParameterSpec.of(
                                "blocks.0.attn.qkv.weight", ParameterSpec.Role.CONV_WEIGHT, 3, 3));
        IOException e = assertThrows(IOException.class, () -> inferred(tensors));
        assertTrue(e.getMessage().contains("features.conv0.weight"), e.getMessage());
        assertTrue(e.getMessage().contains("layer1.0.conv1.weight"), e.getMessage());
        assertTrue(e.getMessage().contains("blocks.0.attn.qkv.weight"), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void aMisshapenTensorIsNamedAsTheFileNamesIt() throws IOException {
        ResNetSpec spec = ResNetSpec.cifar(8).build();
        Path path =
                new RandomModel(spec, 1)
                        .writeForeign(
                                folder.resolve("w.st"), name -> name.replace("fc.", "linear."));
        ResNetSpec wider = spec.toBuilder().initialChannels(8).build();
        WeightsException e =
                assertThrows(
                        WeightsException.class,
                        () -> Model.open(path, wider, LoadOptions.strict()).close());
        assertTrue(
                e.report().problems().stream()
                        .anyMatch(p -> p.contains("in the file linear.weight")),
                e.report().problems().toString());
    }

    /** Sides of tensors that anybody's file may claim. */
    private static int side(SplittableRandom random, int usual) {
        return switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> random.nextInt(1, 9);
            case 2 -> 1 << random.nextInt(31);
            default -> usual;
        };
    }

    /** A graph is built of what is inferred, so that sizes that overflow would show. */
    @Test
    void shapesThatNobodyHasAreBuiltOrRefused() throws IOException {
        SplittableRandom random = new SplittableRandom(1);
        List<FamilySpec> specs = families().toList();
        int built = 0;
        int refused = 0;
        for (int round = 0; round < 1_000; round++) {
            FamilySpec spec = specs.get(random.nextInt(specs.size()));
            double share = random.nextDouble(0.8);
            List<ParameterSpec> tensors = new ArrayList<>();
            for (ParameterSpec p : spec.graph().parameters()) {
                if (random.nextDouble() < share) {
                    List<Integer> sides = p.shape().stream().map(n -> side(random, n)).toList();
                    tensors.add(new ParameterSpec(p.name(), sides, p.role()));
                } else {
                    tensors.add(p);
                }
            }
            try {
                assertTrue(!inferred(tensors).graph().parameters().isEmpty());
                built++;
            } catch (IllegalArgumentException e) {
                assertEquals(1, e.getMessage().lines().count(), e.getMessage());
                refused++;
            }
        }
        assertTrue(built > 100 && refused > 100, built + " built, " + refused + " refused");
    }
}
