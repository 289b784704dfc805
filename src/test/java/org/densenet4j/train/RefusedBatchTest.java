package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.profile.Profiler;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Initialiser;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/** What is wrong with a batch or a setting is told before it changes anything. */
class RefusedBatchTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 4).classes(3).inputSize(8, 8).build();
    private static final int IMAGES = 4;
    private static final int FLOATS = 8 * 8 * 3;

    private final Device device = Device.open("cpu", new DeviceOptions(2, true, true));
    private Trainer trainer;

    @BeforeEach
    void opens() {
        trainer = Trainer.of(SPEC, device).batch(IMAGES).accumulate(2).open();
        trainer.step(batch());
    }

    @AfterEach
    void closes() {
        trainer.close();
        device.close();
    }

    private static Batch batch() {
        Random random = new Random(3);
        float[] images = new float[IMAGES * FLOATS];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        return new Batch(images, new int[] {0, 1, 2, 0}, 8, 8, 3);
    }

    private static void refuses(String why, Executable call) {
        IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, call);
        assertTrue(refused.getMessage().contains(why), refused.getMessage());
    }

    private Map<String, float[]> state() {
        Network network = trainer.network();
        Map<String, float[]> state = new LinkedHashMap<>();
        for (ParameterSpec p : network.parameters()) {
            state.put(p.name(), network.parameter(p.name()));
            state.put("velocity of " + p.name(), network.velocity(p.name()));
        }
        for (ParameterSpec p : network.runningStatistics()) {
            state.put(p.name(), network.runningStatistic(p.name()));
        }
        return state;
    }

    private void changesNothing(Executable call) throws Throwable {
        Map<String, float[]> before = state();
        call.execute();
        state().forEach((name, values) -> assertArrayEquals(before.get(name), values, name));
        assertEquals(1, trainer.steps());
    }

    @Test
    void aWrongLabelOfALaterMicroBatchChangesNothing() throws Throwable {
        Batch wrong = batch();
        wrong.labels()[3] = 3;
        changesNothing(() -> refuses("label 3 of image 3", () -> trainer.step(wrong)));
        changesNothing(() -> refuses("label 3 of image 3", () -> trainer.evaluate(wrong)));
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, 1e38f})
    void aNumberThatIsNotFiniteInALaterMicroBatchChangesNothing(float value) throws Throwable {
        Batch wrong = batch();
        wrong.images()[3 * FLOATS + 5] = value;
        changesNothing(() -> assertThrows(NonFiniteException.class, () -> trainer.step(wrong)));
        changesNothing(() -> trainer.evaluate(wrong));
        trainer.step(batch());
        assertEquals(2, trainer.steps());
    }

    @Test
    void logitsWithoutRoomAreRefusedBeforeThePass() throws Throwable {
        changesNothing(
                () -> refuses("logits: room", () -> trainer.evaluate(batch(), new float[11])));
        assertThrows(NullPointerException.class, () -> trainer.evaluate(batch(), null));
    }

    @Test
    void ratesThatSingleCannotHoldAreRefusedWhenTheyAreSet() throws Throwable {
        changesNothing(() -> refuses("learning rate", () -> trainer.learningRate(1e300)));
        Trainer.Builder builder = Trainer.of(SPEC, device);
        refuses("label smoothing", () -> builder.labelSmoothing(0.99999999999));
        refuses("batch = 0", () -> builder.batch(0));
        refuses("batch = -8", () -> builder.accumulate(2).batch(-8));
        refuses("gradient norm = NaN", () -> builder.clipGradients(Double.NaN));
    }

    @Test
    void imagesWithoutAnExtentAreNoBatch() {
        refuses("images of 0x8x3", () -> new Batch(new float[0], new int[1], 0, 8, 3));
        refuses("images of -8x-8x3", () -> new Batch(new float[192], new int[1], -8, -8, 3));
        int huge = 1 << 30;
        refuses("the array has 0", () -> new Batch(new float[0], new int[4], huge, huge, huge));
    }

    @Test
    void nothingIsPlannedOnAClosedDevice() {
        Device closed = Device.open("cpu", new DeviceOptions(1, true, true));
        closed.close();
        for (Executable call :
                new Executable[] {
                    () -> MemoryPlan.of(SPEC).on(closed),
                    () -> MemoryPlan.of(SPEC).largestBatch(closed, 1 << 20),
                    () -> InferencePlan.of(SPEC).on(closed)
                }) {
            IllegalStateException refused = assertThrows(IllegalStateException.class, call);
            assertTrue(refused.getMessage().contains("device is closed"), refused.getMessage());
        }
    }

    @Test
    void aProfilerIsAttachedWithTheNetworksOwnDevice() {
        try (Device other = Device.open("cpu", new DeviceOptions(1, true, true))) {
            refuses("another device", () -> Profiler.attach(trainer, other));
        }
    }

    @Test
    void valuesOfAnotherLengthAreNotInitialised() {
        ParameterSpec p = trainer.network().parameters().getFirst();
        refuses("out: room for 3 values", () -> Initialiser.seeded(1).fill(p, new float[3]));
    }
}
