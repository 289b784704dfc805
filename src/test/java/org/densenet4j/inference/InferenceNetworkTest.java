package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.RandomModel;
import org.densenet4j.weights.WeightSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Results are those of the last pass, or an exception. */
class InferenceNetworkTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 4).classes(3).inputSize(8, 8).build();

    @TempDir private Path folder;
    private final Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2));
    private final RandomModel random = new RandomModel(SPEC, 1);
    private final float[] images = random.images(5, 1);
    private InferenceNetwork network;
    private Predictor predictor;

    @BeforeEach
    void opens() throws IOException {
        Path file = random.write(folder.resolve("model.safetensors"));
        try (Model model = Model.open(file)) {
            network =
                    InferenceNetwork.open(
                            InferencePlan.of(SPEC).batch(4).on(device), device, model);
            predictor = Predictor.of(model).device(device).batch(2).open();
        }
    }

    @AfterEach
    void closes() {
        network.close();
        predictor.close();
        device.close();
    }

    private static void refuses(Class<? extends RuntimeException> type, String why, Executable e) {
        RuntimeException refused = assertThrows(type, e);
        assertTrue(refused.getMessage().contains(why), refused.toString());
    }

    @Test
    void thereAreNoResultsBeforeAPassOrBeyondIt() {
        Class<IllegalStateException> early = IllegalStateException.class;
        refuses(early, "no results yet", () -> network.logits(1, new float[3], 0));
        refuses(early, "no results yet", () -> network.embeddings(1, new float[99], 0));
        refuses(early, "no results yet", () -> network.classMaps(0));
        network.forward(images, 0, 4);
        network.forward(images, 3, 2);
        refuses(early, "had 2 images", () -> network.logits(3, new float[9], 0));
        refuses(early, "had 2 images", () -> network.classMaps(2));
        float[] logits = new float[6];
        network.logits(2, logits, 0);
        assertArrayEquals(Arrays.copyOfRange(predictor.logits(images, 5), 9, 15), logits, 1e-4f);
    }

    @Test
    void arraysWithoutRoomAndNumbersOutOfRangeAreNamed() {
        Class<IllegalArgumentException> wrong = IllegalArgumentException.class;
        refuses(wrong, "images: ", () -> network.forward(images, 4, 2));
        refuses(wrong, "images: ", () -> network.forward(images, -1, 2));
        refuses(wrong, "images: ", () -> network.forward(images, Integer.MAX_VALUE, 2));
        refuses(wrong, "a batch of 5", () -> network.forward(images, 0, 5));
        refuses(NullPointerException.class, "images", () -> network.forward(null, 0, 1));
        network.forward(images, 0, 2);
        refuses(wrong, "target: 6 floats from 1", () -> network.logits(2, new float[6], 1));
        refuses(wrong, "target: ", () -> network.logits(1, new float[6], -1));
        refuses(wrong, "count = 0", () -> network.logits(0, new float[6], 0));
        refuses(wrong, "image -1", () -> network.classMaps(-1));
        refuses(wrong, "count = -1", () -> predictor.logits(images, -1));
        refuses(wrong, "count = -1", () -> predictor.embeddings(images, -1));
        refuses(wrong, "1000000000 images", () -> predictor.logits(images, 1_000_000_000));
        refuses(wrong, "1 images", () -> predictor.heatMap(new float[5], 0));
    }

    @Test
    void nothingWorksAfterClosing() {
        network.close();
        predictor.close();
        predictor.close();
        for (Executable call :
                List.<Executable>of(
                        () -> network.forward(images, 0, 1),
                        () -> network.logits(1, new float[3], 0),
                        () -> network.embeddings(1, new float[99], 0),
                        () -> network.classMaps(0))) {
            refuses(IllegalStateException.class, "the network is closed", call);
        }
        for (Executable call :
                List.<Executable>of(
                        () -> predictor.logits(images, 0),
                        () -> predictor.outputs(images, 1),
                        () -> predictor.classify(images, 1, 1),
                        () -> predictor.embeddings(images, 1),
                        () -> predictor.heatMap(images, 0))) {
            refuses(IllegalStateException.class, "the predictor is closed", call);
        }
    }

    @Test
    void aPlanBelongsToItsDevice() throws IOException {
        Path file = random.write(folder.resolve("other.safetensors"));
        try (Device one = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
                Model model = Model.open(file)) {
            InferencePlan plan = InferencePlan.of(SPEC).on(one);
            refuses(
                    IllegalArgumentException.class,
                    "made for another device",
                    () -> InferenceNetwork.open(plan, device, model));
        }
    }

    @Test
    void weightsThatAreNotThoseOfThePlanOrNoNumbersAreRefused() {
        WeightSource source = random::values;
        refusesSource("no values for features.conv0.weight", name -> null);
        refusesSource("features.conv0.weight, the network", name -> new float[1]);
        refusesSource(
                "NaN in features.norm5.bias",
                name ->
                        changed(
                                source.values(name),
                                name.equals("features.norm5.bias"),
                                Float.NaN));
        refusesSource(
                "-1.0 in features.norm5.running_var, and a variance",
                name -> changed(source.values(name), name.endsWith("norm5.running_var"), -1));
    }

    private void refusesSource(String why, WeightSource source) {
        InferencePlan plan = InferencePlan.of(SPEC).batch(1).on(device);
        refuses(
                IllegalArgumentException.class,
                why,
                () -> InferenceNetwork.open(plan, device, source).close());
    }

    private static float[] changed(float[] values, boolean change, float value) {
        float[] changed = values.clone();
        if (change) {
            changed[changed.length - 1] = value;
        }
        return changed;
    }

    @Test
    void pixelsThatAreNoNumbersGetNoClass() {
        int floats = images.length / 5;
        for (float value : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
            float[] broken = images.clone();
            broken[4 * floats - 1] = value;
            String why = "image 3 has a pixel";
            refuses(IllegalArgumentException.class, why, () -> predictor.classify(broken, 5, 1));
            refuses(IllegalArgumentException.class, why, () -> predictor.logits(broken, 5));
            refuses(IllegalArgumentException.class, why, () -> predictor.embeddings(broken, 5));
            predictor.classify(broken, 3, 1);
            float[] one = Arrays.copyOfRange(broken, 3 * floats, 4 * floats);
            refuses(
                    IllegalArgumentException.class,
                    "image 0 has a pixel",
                    () -> predictor.heatMap(one, -1));
        }
        float[] large = images.clone();
        Arrays.fill(large, 0, floats, 3e38f);
        refuses(
                IllegalArgumentException.class,
                "image 0 has a logit",
                () -> predictor.classify(large, 1, 1));
        refuses(
                IllegalArgumentException.class,
                "image 0 has a logit",
                () -> predictor.heatMap(large, -1));
    }
}
