package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.engine.Network;
import org.densenet4j.io.TensorFile;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;

/** A file that records its network, opened for a network that somebody gives. */
class RecordedNetworkTest {
    private static final DenseNetSpec RECORDED = bc().inputSize(16).bnEpsilon(0.1).build();

    @TempDir private Path folder;
    private Path file;

    private static DenseNetSpec.Builder bc() {
        return DenseNetSpec.preset("bc-10-4").classes(3);
    }

    @BeforeEach
    void write() throws IOException {
        file = new RandomModel(RECORDED, 1).write(folder.resolve("m.safetensors"));
    }

    private IOException refused(DenseNetSpec given) {
        return assertThrows(
                IOException.class, () -> Model.open(file, given, LoadOptions.strict()).close());
    }

    private static void assertSays(IOException e, String... parts) {
        for (String part : parts) {
            assertTrue(e.getMessage().contains(part), e.getMessage());
        }
    }

    @Test
    void aPresetBesideTheFileOverridesNothingThatTheFileRecords() throws IOException {
        for (DenseNetSpec given :
                new DenseNetSpec[] {DenseNetSpec.preset("bc-10-4").build(), RECORDED}) {
            try (Model model = Model.open(file, given, LoadOptions.strict())) {
                assertEquals(RECORDED, model.spec());
            }
        }
    }

    @Test
    void anotherNetworkIsRefusedAndBothAreNamed() {
        IOException e = refused(DenseNetSpec.preset("bc-16-8").build());
        assertSays(e, "bc-10-4", "bc-16-8", "leave --model");
        assertTrue(!((WeightsException) e).report().problems().isEmpty());
    }

    @Test
    void aSizeOrAnEpsilonThatTheSpecAsksForIsNotIgnored() {
        assertSays(refused(bc().inputSize(24).build()), "16x16", "24x24", "withInputSize");
        assertSays(refused(bc().bnEpsilon(0.001).build()), "0.1", "0.001", "bnEpsilon(0.1)");
    }

    @Test
    void weightsAreNotLoadedIntoANetworkWithAnotherEpsilon() throws IOException {
        try (Device device = Device.cpu();
                Network same = network(bc().bnEpsilon(0.1).build(), device);
                Network other = network(bc().build(), device)) {
            Weights.load(file, same, LoadOptions.strict()); // for images of another size
            float[] before = other.parameter("classifier.weight");
            for (boolean reset : new boolean[] {false, true}) {
                LoadOptions options = LoadOptions.strict().withResetHead(reset);
                IOException e =
                        assertThrows(IOException.class, () -> Weights.load(file, other, options));
                assertSays(e, "bnEpsilon 0.1", "1.0E-5");
            }
            assertEquals(before[0], other.parameter("classifier.weight")[0]);
        }
    }

    private static Network network(DenseNetSpec spec, Device device) {
        return Network.open(MemoryPlan.of(spec).batch(1).on(device), device, 1);
    }

    @Test
    void anExportKeepsTheSizeOfImages() throws IOException {
        Path export = folder.resolve("export.safetensors");
        try (Model model =
                Model.open(file, DenseNetSpec.preset("bc-10-4").build(), LoadOptions.strict())) {
            SafetensorsExport.write(model, export);
        }
        try (TensorFile written = WeightFile.open(export)) {
            assertEquals("16", written.metadata().get("spec.inputHeight"));
        }
    }
}
