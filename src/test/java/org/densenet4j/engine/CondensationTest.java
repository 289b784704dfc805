package org.densenet4j.engine;

import static org.densenet4j.testing.CondensedNetwork.FIRST;
import static org.densenet4j.testing.CondensedNetwork.SECOND;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.graph.LearnedGroups;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.Tensor;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.testing.CondensedNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;

/** Learned group convolutions (Huang et al. 2018, arXiv 1711.09224, section 3.1). */
class CondensationTest {
    private static final Path RECORDED =
            Path.of("src/test/resources/golden/condensation.safetensors");
    private static final int BATCH = 4;
    private static final int SIDE = CondensedNetwork.SIDE;

    private static Device[] devices() {
        return new Device[] {
            Device.open("cpu", DeviceOptions.defaults().withThreads(2)),
            new EmulatedDevice(DeviceOptions.defaults())
        };
    }

    private static Network open(Device device, MemoryStrategy strategy) {
        return Network.open(
                MemoryPlan.of(CondensedNetwork.graph()).strategy(strategy).batch(BATCH).on(device),
                device,
                5);
    }

    private static float[] images(long seed) {
        Random random = new Random(seed);
        float[] images = new float[BATCH * SIDE * SIDE * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        return images;
    }

    private static final int[] LABELS = {0, 2, 1, 1};

    private static double pass(Network network, long seed) {
        Pass pass = new Pass(BATCH, Mode.TRAIN, 1, seed);
        network.zeroGradients();
        network.input(images(seed), BATCH);
        network.trainingPass(pass, LABELS, 0, BATCH);
        return network.outcome(pass, BATCH).loss();
    }

    private static int left(float[] mask) {
        int left = 0;
        for (float value : mask) {
            left += value == 1 ? 1 : 0;
        }
        return left;
    }

    @Test
    void aStageTakesTheInputsWithTheSmallestWeightsFromEachGroup() {
        // Outputs 0 and 2 are of one group, 1 and 3 of the other.
        LearnedGroups learned = new LearnedGroups("w", 2, 2);
        ParameterSpec shape = ParameterSpec.of("w", ParameterSpec.Role.CONV_WEIGHT, 4, 4, 1, 1);
        float[] weights = {
            1, -9, 2, 3, //
            5, 1, 1, 0, //
            1, 0, -2, 5, //
            0, -1, 2, 0
        };
        float[] all = new float[16];
        Arrays.fill(all, 1);
        float[] expected = {
            0, 1, 0, 1, //
            1, 0, 1, 0, //
            0, 1, 0, 1, //
            1, 0, 1, 0
        };
        float[] found = Condensation.condensed(learned, shape, weights, all, 1);
        assertArrayEquals(expected, found);
        assertArrayEquals(expected, Condensation.condensed(learned, shape, weights, found, 1));
        assertArrayEquals(all, Condensation.condensed(learned, shape, weights, all, 0));
    }

    /** What scripts/record_condensation.py had PyTorch take away, stage by stage. */
    @Test
    void stagesTakeAwayWhatTheAuthorsCodeDoes() throws IOException {
        try (Safetensors recorded = Safetensors.open(RECORDED)) {
            for (String text : recorded.metadata().get("cases").split(",")) {
                String[] named = text.split(":");
                LearnedGroups learned =
                        new LearnedGroups(
                                "w", Integer.parseInt(named[1]), Integer.parseInt(named[2]));
                float[] mask = null;
                for (int stage = 1; stage < learned.factor(); stage++) {
                    Tensor weight = recorded.tensor(named[0] + ".weight." + stage);
                    int outputs = Math.toIntExact(weight.shape().get(0));
                    int inputs = Math.toIntExact(weight.shape().get(1));
                    ParameterSpec shape =
                            ParameterSpec.of(
                                    "w", ParameterSpec.Role.CONV_WEIGHT, outputs, inputs, 1, 1);
                    if (mask == null) {
                        mask = new float[outputs * inputs];
                        Arrays.fill(mask, 1);
                    }
                    float[] masked = weight.toFloats();
                    for (int i = 0; i < masked.length; i++) {
                        masked[i] *= mask[i];
                    }
                    mask = Condensation.condensed(learned, shape, masked, mask, stage);
                    float[] expected = recorded.tensor(named[0] + ".mask." + stage).toFloats();
                    assertArrayEquals(expected, mask, text + " " + stage);
                    assertEquals(Optional.empty(), learned.misfit(shape, mask));
                }
            }
        }
    }

    /** Its gradient, of weights that a mask has zeroed, is PyTorch's on both backends. */
    @Test
    void theGroupLassoHasPyTorchsGradient() throws IOException {
        for (Device device : devices()) {
            try (device;
                    Safetensors recorded = Safetensors.open(RECORDED)) {
                for (String name : recorded.names()) {
                    if (!name.contains(".lasso.gradient.")) {
                        continue;
                    }
                    String base = name.substring(0, name.indexOf('.'));
                    String stage = name.substring(name.lastIndexOf('.'));
                    int groups = groups(recorded, base);
                    Tensor weight = recorded.tensor(base + ".weight" + stage);
                    float[] mask = recorded.tensor(base + ".mask" + stage).toFloats();
                    float[] masked = weight.toFloats();
                    for (int i = 0; i < masked.length; i++) {
                        masked[i] *= mask[i];
                    }
                    int outputs = Math.toIntExact(weight.shape().get(0));
                    Matrix w = Matrix.dense(0, outputs, masked.length / outputs);
                    Matrix gradient =
                            Matrix.dense(w.storedBytes(), outputs, masked.length / outputs);
                    try (DeviceArena arena = device.allocate(2 * w.storedBytes(), 0, 0)) {
                        arena.upload(masked, 0, w);
                        arena.kernels().fill(gradient, 0);
                        arena.kernels().addGroupLasso(w, groups, 1, gradient);
                        float[] found = new float[masked.length];
                        arena.download(gradient, found, 0);
                        double[] expected = recorded.tensor(name).toDoubles();
                        for (int i = 0; i < found.length; i++) {
                            assertEquals(expected[i], found[i], 1e-6, name);
                        }
                    }
                }
            }
        }
    }

    private static int groups(Safetensors recorded, String base) {
        return Arrays.stream(recorded.metadata().get("cases").split(","))
                .filter(text -> text.startsWith(base + ":"))
                .map(text -> Integer.parseInt(text.split(":")[1]))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void everyStageLeavesItsShareAndTheSameOfAllOutputsOfAGroup() {
        for (Device device : devices()) {
            try (device;
                    Network network = open(device, MemoryStrategy.SHARED)) {
                // 1/4 and 1/3 of the inputs in three stages and in two
                double[] progress = {0, 0.16, 0.17, 0.24, 0.25, 0.33, 0.34, 0.49, 0.5, 1};
                int[] first = {64, 64, 48, 48, 48, 48, 32, 32, 16, 16};
                int[] second = {96, 96, 96, 96, 64, 64, 64, 64, 32, 32};
                for (int stage = 0; stage < first.length; stage++) {
                    boolean any =
                            stage > 0
                                    && (first[stage] < first[stage - 1]
                                            || second[stage] < second[stage - 1]);
                    assertEquals(any, network.condense(progress[stage]));
                    float[] mask = network.mask(FIRST.weight());
                    assertEquals(first[stage], left(mask), "stage " + stage);
                    assertEquals(second[stage], left(network.mask(SECOND.weight())));
                    assertArrayEquals(
                            Arrays.copyOfRange(mask, 0, 16), Arrays.copyOfRange(mask, 16, 32));
                    float[] weights = network.parameter(FIRST.weight());
                    for (int i = 0; i < mask.length; i++) {
                        assertEquals(mask[i] == 0, weights[i] == 0);
                    }
                    assertFalse(network.condense(0)); // brings nothing back
                    assertEquals(first[stage], left(network.mask(FIRST.weight())));
                }
            }
        }
    }

    /** The reference has the masked weights and knows of no mask. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void gradientsAreThoseOfTheMaskedWeightsAndZeroWhereTheMaskIs(MemoryStrategy strategy) {
        for (Device device : devices()) {
            try (device;
                    Network network = open(device, strategy)) {
                network.condense(0.3);
                ReferenceNetwork reference = new ReferenceNetwork(CondensedNetwork.graph());
                for (ParameterSpec p : network.parameters()) {
                    float[] values = network.parameter(p.name());
                    double[] target = reference.parameter(p.name());
                    Arrays.setAll(target, i -> values[i]);
                }
                double loss = pass(network, 1);
                float[] images = images(1);
                double[] exact = new double[images.length];
                Arrays.setAll(exact, i -> images[i]);
                reference.forward(exact, Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
                assertEquals(reference.loss(LABELS, 0), loss, 1e-5);
                reference.backward();
                double squares = 0;
                for (ParameterSpec p : network.parameters()) {
                    double[] expected = reference.gradient(p.name()).clone();
                    boolean learned =
                            p.name().equals(FIRST.weight()) || p.name().equals(SECOND.weight());
                    if (learned) {
                        float[] mask = network.mask(p.name());
                        Arrays.setAll(expected, i -> expected[i] * mask[i]);
                    }
                    double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
                    float[] found = network.gradient(p.name());
                    for (int i = 0; i < found.length; i++) {
                        assertEquals(expected[i], found[i], 2e-5 * largest + 1e-7, p.name());
                        assertTrue(!learned || expected[i] != 0 || found[i] == 0, p.name());
                        squares += expected[i] * expected[i];
                    }
                }
                assertEquals(Math.sqrt(squares), network.gradientNorm(), 1e-4);
            }
        }
    }

    /** With momentum and decay, and on a device that replays what it recorded before. */
    @Test
    void whatWasTakenAwayStaysZeroThroughUpdatesAndInRecordedSteps() {
        for (Device device : devices()) {
            try (device;
                    Network network = open(device, MemoryStrategy.SHARED)) {
                SgdStep step = SgdStep.of(0.1).withMomentum(0.9, true).withWeightDecay(0.01, true);
                for (int s = 1; s <= 6; s++) {
                    if (s == 4) {
                        network.condense(0.5);
                    }
                    pass(network, s);
                    network.update(step);
                    float[] weights = network.parameter(FIRST.weight());
                    float[] mask = network.mask(FIRST.weight());
                    assertEquals(s < 4 ? 64 : 16, left(mask));
                    for (int i = 0; i < mask.length; i++) {
                        assertEquals(mask[i] == 0, weights[i] == 0, "step " + s);
                    }
                }
            }
        }
    }

    @Test
    void aGroupLassoIsAddedToTheGradientsOfWhatIsLeft() {
        for (Device device : devices()) {
            try (device;
                    Network network = open(device, MemoryStrategy.SHARED)) {
                network.condense(0.3);
                network.zeroGradients();
                network.addGroupLasso(0.5);
                float[] w = network.parameter(FIRST.weight());
                float[] gradient = network.gradient(FIRST.weight());
                for (int o = 0; o < 8; o++) {
                    for (int i = 0; i < 8; i++) {
                        double squares = 0;
                        for (int other = o % 2; other < 8; other += 2) {
                            squares += Math.pow(w[other * 8 + i], 2);
                        }
                        double expected =
                                squares > 1e-6 ? 0.5 * w[o * 8 + i] / Math.sqrt(squares) : 0;
                        assertEquals(expected, gradient[o * 8 + i], 1e-6);
                    }
                }
            }
        }
    }

    @Test
    void aMaskThatIsNoneIsRefusedInOneLine() {
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
                Network network = open(device, MemoryStrategy.SHARED)) {
            float[] mask = network.mask(FIRST.weight());
            refused(
                    "the mask of layer1.conv1.weight has 3 values, its weights 64",
                    () -> network.mask(FIRST.weight(), new float[3]));
            mask[9] = 0.5f;
            refused(
                    "the mask of layer1.conv1.weight is 0.5 somewhere, neither 0 nor 1",
                    () -> network.mask(FIRST.weight(), mask));
            mask[9] = 0;
            refused(
                    "the mask of layer1.conv1.weight takes input 1 from some outputs of group 1"
                            + " only",
                    () -> network.mask(FIRST.weight(), mask));
            refused(
                    "fc.weight has no learned groups, and so no mask",
                    () -> network.mask("fc.weight"));
            refused(
                    "progress = -0.1: use a share of training from 0 to 1",
                    () -> network.condense(-0.1));
            refused(
                    "progress = NaN: use a share of training from 0 to 1",
                    () -> network.condense(Double.NaN));
            refused(
                    "group lasso = -1.0: use a finite number that is not negative",
                    () -> network.addGroupLasso(-1));
        }
    }

    private static void refused(String message, Executable what) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, what).getMessage());
    }
}
