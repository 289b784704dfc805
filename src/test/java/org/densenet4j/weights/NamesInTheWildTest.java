package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.io.pth.PthWriter;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;

/** Names that training scripts, wrappers and containers give to the tensors of a DenseNet. */
class NamesInTheWildTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.densenet121().layersPerBlock(2, 1).inputSize(32).classes(4).build();

    @TempDir private Path folder;

    private static String old(String name) {
        return name.replaceAll("(denselayer\\d+\\.(?:norm|conv))([12])", "$1.$2");
    }

    private Path write(UnaryOperator<String> names, int seed) throws IOException {
        return new RandomModel(SPEC, seed).writeForeign(folder.resolve("w.safetensors"), names);
    }

    private static void assertReads(Path path, int seed) throws IOException {
        RandomModel random = new RandomModel(SPEC, seed);
        try (Model model = Model.open(path, SPEC, LoadOptions.strict())) {
            assertTrue(model.report().problems().isEmpty());
            for (ParameterSpec p : random.tensors()) {
                assertArrayEquals(random.values(p.name()), model.values(p.name()), p.name());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "module.",
                "0.",
                "module.densenet121.",
                "a.b.c.d.e.f.",
                "model.module.",
                "features.encoder.",
                "my model (v2).",
                "_orig_mod.module.",
                "module._orig_mod."
            })
    void whateverStandsBeforeTheFeaturesIsDropped(String prefix) throws IOException {
        assertReads(write(name -> prefix + name, 1), 1);
        assertReads(write(name -> prefix + old(name), 2), 2);
    }

    @Test
    void theFeaturesAloneMayBeWrapped() throws IOException {
        assertReads(write(n -> n.replaceFirst("^features\\.", "features.module."), 1), 1);
        assertReads(write(n -> n.replaceFirst("^features\\.", "backbone.features.0."), 2), 2);
        assertReads(write(n -> n.replaceFirst("^features\\.", "encoder."), 3), 3);
        assertReads(write(n -> n.replaceFirst("^features\\.", ""), 4), 4);
        assertReads(write(n -> n.replaceFirst("^features\\.", "_orig_mod.features."), 5), 5);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "classifier.0",
                "classifier.1",
                "classifier.drop.2.linear",
                "fc",
                "fc.3",
                "head",
                "head.fc",
                "linear",
                "last_linear"
            })
    void aHeadThatIsOneLinearLayerIsTheClassifier(String head) throws IOException {
        assertReads(write(n -> n.replaceFirst("^classifier", head), 1), 1);
        assertReads(write(n -> "module.densenet121." + old(n.replace("classifier", head)), 2), 2);
    }

    @Test
    void aHeadOutsideOfTheWrapperIsFound() throws IOException {
        assertReads(
                write(n -> n.startsWith("f") ? "backbone." + n : n.replace("classifier", "fc"), 1),
                1);
    }

    @Test
    void cheXNetIsRead() throws IOException {
        RandomModel random = new RandomModel(SPEC, 3);
        Path path =
                random.pth(
                                new PthWriter(List.of("state_dict"), false),
                                n ->
                                        "module.densenet121."
                                                + old(n).replace("classifier", "classifier.0"))
                        .writeLegacy(folder.resolve("model.pth.tar"));
        assertReads(path, 3);
    }

    private Path withHead(Object... namesAndShapes) throws IOException {
        RandomModel random = new RandomModel(SPEC, 4);
        SafetensorsWriter writer = new SafetensorsWriter();
        for (ParameterSpec p : random.tensors()) {
            if (p.name().startsWith("features.")) {
                writer.floats("net." + p.name(), p.shape(), () -> random.values(p.name()));
            }
        }
        for (int i = 0; i < namesAndShapes.length; i += 2) {
            @SuppressWarnings("unchecked")
            List<Integer> shape = (List<Integer>) namesAndShapes[i + 1];
            int count = shape.stream().reduce(1, (a, b) -> a * b);
            writer.floats((String) namesAndShapes[i], shape, () -> new float[count]);
        }
        Path path = folder.resolve("h.safetensors");
        writer.write(path);
        return path;
    }

    private static void loadWithResetHead(Path path) throws IOException {
        try (Device device = Device.cpu();
                Network network = Network.open(MemoryPlan.of(SPEC).on(device), device, 1)) {
            Weights.load(path, network, LoadOptions.strict().withResetHead(true));
            assertArrayEquals(
                    new RandomModel(SPEC, 4).values("features.norm5.bias"),
                    network.parameter("features.norm5.bias"));
        }
    }

    @Test
    void headsOfSeveralLayersAreRefusedAndCanBeReset() throws IOException {
        Path path =
                withHead(
                        "net.classifier.0.weight", List.of(8, 5),
                        "net.classifier.0.bias", List.of(8),
                        "net.classifier.1.running_mean", List.of(8),
                        "net.classifier.3.weight", List.of(4, 8),
                        "net.classifier.3.bias", List.of(4));
        WeightsException e =
                assertThrows(
                        WeightsException.class,
                        () -> Model.open(path, SPEC, LoadOptions.strict()).close());
        assertTrue(e.getMessage().contains("--reset-head"), e.getMessage());
        assertEquals(List.of("classifier.weight", "classifier.bias"), e.report().missing());
        assertEquals(5, e.report().unexpected().size());
        loadWithResetHead(path);
    }

    @ParameterizedTest
    @ValueSource(strings = {"net.classifier.0.", "classifier.1.", "fc.", "module.head.fc."})
    void resettingTheHeadLeavesOutHeadsOfAnyName(String head) throws IOException {
        loadWithResetHead(withHead(head + "weight", List.of(9, 48), head + "bias", List.of(9)));
    }

    private Path nested(List<String> keys) throws IOException {
        return new RandomModel(SPEC, 7)
                .pth(new PthWriter(keys, false), n -> n)
                .writeZip(folder.resolve("n.pth"));
    }

    @Test
    void aStateDictLiesUnderAnyKey() throws IOException {
        for (List<String> keys :
                List.of(
                        List.of("weights"),
                        List.of("state"),
                        List.of("ema"),
                        List.of("my net"),
                        List.of("a", "b", "c", "state_dict"))) {
            assertReads(nested(keys), 7);
        }
    }

    /** As weight_norm and spectral_norm save it, before PyTorch 2 and since. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "classifier.weight_g",
                "classifier.weight_orig",
                "classifier.parametrizations.weight.original0",
                "classifier.parametrizations.weight.original"
            })
    void aLayerThatIsSavedInPartsIsToldFromAnotherNetwork(String part) throws IOException {
        RandomModel model = new RandomModel(SPEC, 1);
        Path path =
                model.writeForeign(
                        folder.resolve("parts.safetensors"),
                        name -> name.equals("classifier.weight") ? part : name);
        WeightsException e = assertThrows(WeightsException.class, () -> Model.open(path).close());
        assertTrue(e.getMessage().contains("classifier.weight is missing"), e.getMessage());
        assertTrue(e.getMessage().contains("remove_weight_norm"), e.getMessage());
        assertEquals(0, e.report().misshaped().size(), e.getMessage());
    }
}
