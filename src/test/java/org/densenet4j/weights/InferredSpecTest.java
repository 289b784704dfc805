package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.inference.Predictor;
import org.densenet4j.insight.FeatureReuse;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A file without metadata is read without being told which network it is. */
class InferredSpecTest {
    @TempDir private Path folder;

    private static DenseNetSpec.Builder custom() {
        return DenseNetSpec.builder().inputSize(32);
    }

    static Stream<DenseNetSpec> specs() {
        return Stream.of(
                DenseNetSpec.preset("bc-10-4").classes(2).build(),
                DenseNetSpec.preset("plain-10-4").classes(5).build(),
                DenseNetSpec.preset("b-16-4").build(),
                DenseNetSpec.preset("c-10-4").inputChannels(1).build(),
                custom().growthRate(3).layersPerBlock(4).initialChannels(5).build(),
                custom().growthRate(5).layersPerBlock(1, 2, 3, 1).compression(0.3).build(),
                custom().growthRate(6).layersPerBlock(2, 2).compression(1.0 / 3).build(),
                custom().growthRate(2).layersPerBlock(3, 1).bottleneckWidth(2).build(),
                custom().growthRate(2).layersPerBlock(1, 1).bottleneckWidth(0).build(),
                custom().growthRate(3).layersPerBlock(1, 2, 1).growthDoubles(true).build(),
                DenseNetSpec.preset("plain-10-4").growthDoubles(true).name("custom").build(),
                custom().growthRate(4)
                        .layersPerBlock(2, 1)
                        .stem(Stem.IMAGENET)
                        .inputSize(224)
                        .inputChannels(1)
                        .build(),
                custom().layersPerBlock(1, 1, 1, 1, 1, 1, 1).growthRate(2).inputSize(64).build());
    }

    /** Shapes do not tell compressions apart that round to the same channels. */
    private static DenseNetSpec ofShapes(DenseNetSpec spec, DenseNetSpec inferred) {
        return spec.toBuilder().name(inferred.name()).compression(inferred.compression()).build();
    }

    @ParameterizedTest
    @MethodSource("specs")
    void theShapesTellTheNetwork(DenseNetSpec spec) throws IOException {
        RandomModel random = new RandomModel(spec, 1);
        Path path = random.writeForeign(folder.resolve("w.safetensors"), n -> "module." + n);
        try (Model model = Model.open(path)) {
            DenseNetSpec inferred = DenseNetSpec.of(model.spec());
            assertEquals(ofShapes(spec, inferred), inferred);
            if (!spec.name().equals("custom")) {
                assertEquals(spec, model.spec());
            }
            for (ParameterSpec p : random.tensors()) {
                assertArrayEquals(random.values(p.name()), model.values(p.name()));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "densenet121",
                "densenet169",
                "densenet201",
                "densenet161",
                "densenet264",
                "densenet232",
                "bc-100-12"
            })
    void presetsAreKnownByTheirNames(String name) throws IOException {
        DenseNetSpec spec = DenseNetSpec.preset(name).classes(7).build();
        ShapesOnly file = new ShapesOnly(spec);
        assertEquals(spec, InferredSpec.of(FileTensors.of(Path.of("file"), file)));
    }

    @Test
    void predictorsAndReportsNeedNoName() throws IOException {
        DenseNetSpec spec = DenseNetSpec.preset("bc-10-4").classes(2).build();
        Path path = new RandomModel(spec, 1).writeForeign(folder.resolve("w.st"), n -> n);
        Predictor.open(path).close();
        assertEquals(3, FeatureReuse.read(path).blocks().size());
    }

    @Test
    void whatIsMissingIsNamed() throws IOException {
        RandomModel random = new RandomModel(DenseNetSpec.preset("bc-10-4").build(), 1);
        Path path = folder.resolve("part.safetensors");
        for (String without :
                List.of(
                        "features.conv0.weight",
                        "features.denseblock1.denselayer1.conv1.weight",
                        "features.transition1.conv.weight",
                        "features.norm5.weight")) {
            SafetensorsWriter writer = new SafetensorsWriter();
            for (ParameterSpec p : random.tensors()) {
                if (!p.name().equals(without)) {
                    writer.floats(p.name(), p.shape(), () -> random.values(p.name()));
                }
            }
            writer.write(path);
            IOException e = assertThrows(IOException.class, () -> Model.open(path).close());
            assertTrue(e.getMessage().contains(without + " is missing"), e.getMessage());
            assertEquals(1, e.getMessage().lines().count());
        }
    }

    @Test
    void anotherModelThanTheNamedOneIsRecognised() throws IOException {
        RandomModel random = new RandomModel(DenseNetSpec.preset("bc-10-4").build(), 1);
        Path path = random.writeForeign(folder.resolve("w.safetensors"), n -> n);
        DenseNetSpec wrong = DenseNetSpec.preset("bc-16-4").build();
        IOException e =
                assertThrows(
                        IOException.class,
                        () -> Model.open(path, wrong, LoadOptions.strict()).close());
        assertTrue(e.getMessage().contains("bc-10-4"), e.getMessage());
    }
}
