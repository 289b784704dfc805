package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.CondenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Files of CondenseNet's authors: weights, and masks that tell which of them count. */
class CondensedFilesTest {
    private static final CondenseNetSpec SPEC = SmallNetworks.condenseNet();
    private static final LearnedGroups FIRST = SPEC.graph().learnedGroups().getFirst();

    @TempDir private Path folder;

    private final RandomModel random = new RandomModel(SPEC, 3);

    /** Every second input of a group is taken away, in turn for the groups. */
    private static float[] mask(LearnedGroups learned, List<Integer> shape) {
        int inputs = shape.get(1);
        float[] mask = new float[shape.get(0) * inputs];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = (i % inputs + i / inputs % learned.groups()) % 2;
        }
        return mask;
    }

    /** A file as the authors' code saves it. */
    private Path file(String name, Map<String, float[]> otherMasks) throws IOException {
        Map<String, LearnedGroups> learned =
                SPEC.graph().learnedGroups().stream()
                        .collect(Collectors.toMap(LearnedGroups::weight, g -> g));
        SafetensorsWriter writer = new SafetensorsWriter();
        for (ParameterSpec p : random.tensors()) {
            writer.floats("module." + p.name(), p.shape(), () -> random.values(p.name()));
            LearnedGroups groups = learned.get(p.name());
            if (groups != null) {
                float[] mask = otherMasks.getOrDefault(groups.mask(), mask(groups, p.shape()));
                List<Integer> shape = mask.length == p.count() ? p.shape() : List.of(mask.length);
                writer.floats("module." + groups.mask(), shape, () -> mask);
                String module = "module." + groups.mask().replace("_mask", "");
                writer.floats(module + "_count", List.of(1), () -> new float[] {4});
                writer.floats(module + "_stage", List.of(1), () -> new float[] {1});
            }
        }
        Path path = folder.resolve(name);
        writer.write(path);
        return path;
    }

    private float[] expected(LearnedGroups learned) {
        ParameterSpec p =
                SPEC.graph().parameters().stream()
                        .filter(x -> x.name().equals(learned.weight()))
                        .findFirst()
                        .orElseThrow();
        float[] mask = mask(learned, p.shape());
        float[] values = random.values(p.name()).clone();
        for (int i = 0; i < values.length; i++) {
            values[i] = mask[i] == 0 ? 0 : values[i];
        }
        return values;
    }

    @Test
    void weightsAreWhatTheMasksLeave() throws IOException {
        try (Model model = Model.open(file("w.safetensors", Map.of()))) {
            assertEquals(
                    SPEC, ((CondenseNetSpec) model.spec()).toBuilder().inputSize(20, 14).build());
            for (LearnedGroups learned : SPEC.graph().learnedGroups()) {
                assertArrayEquals(expected(learned), model.values(learned.weight()));
            }
            assertEquals(List.of(), model.report().unexpected());
            assertEquals(
                    "the file does not tell the stride of its first convolution, nor how much"
                            + " condensation takes away: taken for 1 and, as the authors', for what"
                            + " leaves 1/2; --model says otherwise",
                    model.report().untold().orElseThrow());
        }
    }

    @Test
    void aNetworkThatIsTrainedOnHasTheMasksAndLosesNoWeightsToThoseOfBefore() throws IOException {
        Path masked = file("w.safetensors", Map.of());
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
                Network network =
                        Network.open(MemoryPlan.of(SPEC).batch(1).on(device), device, 1)) {
            network.condense(1);
            Weights.load(masked, network, LoadOptions.strict());
            for (LearnedGroups learned : SPEC.graph().learnedGroups()) {
                assertArrayEquals(expected(learned), network.parameter(learned.weight()));
            }
            float[] ones = new float[network.mask(FIRST.weight()).length];
            Arrays.fill(ones, 1);
            Weights.load(random.write(folder.resolve("all.st")), network, LoadOptions.strict());
            assertArrayEquals(ones, network.mask(FIRST.weight()), "a file without masks");
            assertArrayEquals(random.values(FIRST.weight()), network.parameter(FIRST.weight()));
        }
    }

    @Test
    void whatIsExportedHasWhatTheAuthorsCodeReads() throws IOException {
        Path exported = folder.resolve("exported.safetensors");
        try (Model model = Model.open(file("w.safetensors", Map.of()))) {
            SafetensorsExport.write(model, exported);
        }
        try (Model again = Model.open(exported);
                Safetensors tensors = Safetensors.open(exported)) {
            for (LearnedGroups learned : SPEC.graph().learnedGroups()) {
                assertArrayEquals(expected(learned), again.values(learned.weight()));
                String module = learned.mask().replace("_mask", "");
                float inputs = tensors.tensor(learned.weight()).shape().get(1);
                assertArrayEquals(
                        new float[] {inputs / 2}, tensors.tensor(module + "_count").toFloats());
                assertArrayEquals(new float[] {1}, tensors.tensor(module + "_stage").toFloats());
                assertEquals(
                        tensors.tensor(learned.weight()).shape(),
                        tensors.tensor(learned.mask()).shape());
            }
        }
    }

    @Test
    void masksThatDoNotFitAreRefusedInOneLine() throws IOException {
        Path small = file("small.safetensors", Map.of(FIRST.mask(), new float[3]));
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
                Network network =
                        Network.open(MemoryPlan.of(SPEC).batch(1).on(device), device, 1)) {
            long before = network.stateHash();
            refused(
                    small
                            + ": the mask 'module."
                            + FIRST.mask()
                            + "' has 3 values, its weights 128",
                    small,
                    network);
            float[] mask = mask(FIRST, List.of(16, 8));
            mask[0] = 0.5f;
            Path half = file("half.safetensors", Map.of(FIRST.mask(), mask));
            refused(
                    half
                            + ": the mask 'module."
                            + FIRST.mask()
                            + "' is 0.5 somewhere, neither 0 nor 1",
                    half,
                    network);
            assertEquals(before, network.stateHash());
        }
    }

    private static void refused(String message, Path path, Network network) {
        IOException e =
                assertThrows(
                        IOException.class, () -> Weights.load(path, network, LoadOptions.strict()));
        assertEquals(message, e.getMessage());
    }
}
