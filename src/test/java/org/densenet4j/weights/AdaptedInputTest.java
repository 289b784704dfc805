package org.densenet4j.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.ParameterSpec.Role;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** First convolutions of images of another number of channels. */
class AdaptedInputTest {
    private static final LoadOptions ADAPT = LoadOptions.strict().withAdaptedInput(true);
    private static Device device;

    @TempDir private Path folder;

    @BeforeAll
    static void openDevice() {
        device = Device.cpu();
    }

    @AfterAll
    static void closeDevice() {
        device.close();
    }

    static Stream<FamilySpec> families() {
        return SmallNetworks.families();
    }

    private static FamilySpec ofChannels(FamilySpec spec, int channels) {
        return spec.toBuilder().inputChannels(channels).build();
    }

    /** What a network of other channels makes of images with the weights of this one. */
    private float[] logits(RandomModel model, int channels, float[] images, int count)
            throws IOException {
        Path file = model.writeForeign(folder.resolve("w.safetensors"), name -> name);
        FamilySpec spec = ofChannels((FamilySpec) model.spec(), channels);
        try (Network network =
                Network.open(MemoryPlan.of(spec).batch(count).on(device), device, 1)) {
            WeightReport report = Weights.load(file, network, ADAPT);
            assertEquals(channels == model.spec().inputChannels() ? 0 : 1, report.adapted().size());
            RandomModel adapted = new RandomModel(spec, 1);
            for (var p : adapted.tensors()) {
                float[] values = adapted.values(p.name());
                float[] loaded =
                        p.role() == Role.RUNNING_STATISTIC
                                ? network.runningStatistic(p.name())
                                : network.parameter(p.name());
                System.arraycopy(loaded, 0, values, 0, values.length);
            }
            return adapted.expectedLogits(device, images, count);
        }
    }

    /** Each pixel's values in turns, as often as there are channels. */
    private static float[] repeated(float[] images, int from, int to) {
        float[] out = new float[images.length / from * to];
        for (int i = 0; i < out.length; i++) {
            out[i] = images[i / to * from + i % to % from];
        }
        return out;
    }

    /** Summed weights see of a grey image what the original sees of it in three channels. */
    @ParameterizedTest
    @MethodSource("families")
    void greyImagesAreSeenAsTheSameImagesInColour(FamilySpec spec) throws IOException {
        RandomModel model = new RandomModel(spec, 3);
        float[] grey = new RandomModel(ofChannels(spec, 1), 3).images(2, 8);
        float[] expected = model.expectedLogits(device, repeated(grey, 1, 3), 2);
        assertArrayEquals(expected, logits(model, 1, grey, 2), 2e-3f);
    }

    @ParameterizedTest
    @CsvSource({"3, 6", "3, 9", "1, 3", "1, 4"})
    void repeatedImagesAreSeenAsTheyWere(int from, int to) throws IOException {
        FamilySpec spec = ofChannels(SmallNetworks.families().findFirst().orElseThrow(), from);
        RandomModel model = new RandomModel(spec, 3);
        float[] images = model.images(2, 8);
        float[] expected = model.expectedLogits(device, images, 2);
        assertArrayEquals(expected, logits(model, to, repeated(images, from, to), 2), 2e-3f);
    }

    /** As {@code adapt_input_conv(4, weight)} of timm. */
    @Test
    void fourChannelsAreRedGreenBlueAndRedScaledByThreeQuarters() throws IOException {
        FamilySpec spec = SmallNetworks.families().findFirst().orElseThrow();
        RandomModel model = new RandomModel(spec, 3);
        Path file = model.write(folder.resolve("w.safetensors"));
        FamilySpec four = ofChannels(spec, 4);
        try (Network network = Network.open(MemoryPlan.of(four).batch(1).on(device), device, 1)) {
            Weights.load(file, network, ADAPT);
            float[] rgb = model.values("features.conv0.weight");
            float[] adapted = network.parameter("features.conv0.weight");
            int kernel = 9;
            int outputs = rgb.length / 3 / kernel;
            for (int o = 0; o < outputs; o++) {
                for (int i = 0; i < 4 * kernel; i++) {
                    float expected = 0.75f * rgb[o * 3 * kernel + i % (3 * kernel)];
                    assertEquals(expected, adapted[o * 4 * kernel + i], 1e-7f);
                }
            }
        }
    }

    @Test
    void whatCannotBeAdaptedIsSaidInOneLineAndChangesNothing() throws IOException {
        FamilySpec three = SmallNetworks.families().findFirst().orElseThrow();
        for (List<Integer> channels : List.of(List.of(2, 3), List.of(4, 1), List.of(6, 3))) {
            RandomModel model = new RandomModel(ofChannels(three, channels.getFirst()), 3);
            Path file = model.writeForeign(folder.resolve("w.safetensors"), name -> name);
            FamilySpec spec = ofChannels(three, channels.getLast());
            try (Network network =
                    Network.open(MemoryPlan.of(spec).batch(1).on(device), device, 1)) {
                float[] before = network.parameter("features.conv0.weight");
                String message =
                        assertThrows(
                                        WeightsException.class,
                                        () -> Weights.load(file, network, ADAPT))
                                .getMessage();
                assertTrue(message.contains("1 or 3 channels can be adapted"), message);
                assertEquals(1, message.lines().count());
                assertArrayEquals(before, network.parameter("features.conv0.weight"));
            }
        }
    }

    @Test
    void nothingIsAdaptedUnlessItIsAskedFor() throws IOException {
        FamilySpec spec = SmallNetworks.families().findFirst().orElseThrow();
        Path file = new RandomModel(spec, 3).writeForeign(folder.resolve("w.safetensors"), n -> n);
        FamilySpec one = ofChannels(spec, 1);
        try (Network network = Network.open(MemoryPlan.of(one).batch(1).on(device), device, 1)) {
            String message =
                    assertThrows(
                                    WeightsException.class,
                                    () -> Weights.load(file, network, LoadOptions.strict()))
                            .getMessage();
            assertTrue(message.contains("for images of 3 channels, the network reads 1"), message);
        }
    }
}
