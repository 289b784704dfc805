package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.data.Batch;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.PixelTally;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/** Steps on batches that have a label for each pixel. */
class SegmentationStepTest {
    private static final int HEIGHT = 9;
    private static final int WIDTH = 12;
    private static final int PIXELS = HEIGHT * WIDTH;
    private static final int CLASSES = 4;
    private static final FcDenseNetSpec SPEC =
            FcDenseNetSpec.builder()
                    .growthRate(4)
                    .initialChannels(6)
                    .downLayers(2, 1)
                    .bottleneckLayers(2)
                    .upLayers(1, 2)
                    .dropout(0)
                    .classes(CLASSES)
                    .inputSize(HEIGHT, WIDTH)
                    .build();

    private final Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2));

    @AfterEach
    void closes() {
        device.close();
    }

    private Trainer.Builder trainer() {
        return Trainer.of(SPEC, device).batch(4).optimizer(Sgd.plain(0.5));
    }

    /** Each image has another share of void. */
    private static SegmentationBatch batch(int size, long seed) {
        Random random = new Random(seed);
        float[] images = new float[size * PIXELS * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        int[] labels = new int[size * PIXELS];
        for (int i = 0; i < labels.length; i++) {
            boolean isVoid = random.nextDouble() < (double) (i / PIXELS) / size;
            labels[i] = isVoid ? SegmentationBatch.VOID : random.nextInt(CLASSES);
        }
        return batch(images, labels);
    }

    private static SegmentationBatch batch(float[] images, int[] labels) {
        int size = labels.length / PIXELS;
        return new SegmentationBatch(
                images, labels, new int[size], HEIGHT, WIDTH, 3, ImageMetadata.NONE);
    }

    private static SegmentationBatch withLabels(SegmentationBatch batch, int label) {
        int[] labels = new int[batch.labels().length];
        Arrays.fill(labels, label);
        return batch(batch.images(), labels);
    }

    private static Map<String, float[]> state(Network network) {
        Map<String, float[]> state = new LinkedHashMap<>();
        for (ParameterSpec p : network.parameters()) {
            state.put(p.name(), network.parameter(p.name()));
        }
        return state;
    }

    // ---------------------------------------------------------------- numbers

    @Test
    void theLossIsTheMeanOverThePixelsWithALabelOfAllMicroBatches() {
        SegmentationBatch batch = batch(4, 1);
        try (Trainer whole = trainer().freezeBatchNorm(true).open();
                Trainer parts = trainer().freezeBatchNorm(true).accumulate(4).open()) {
            StepResult expected = whole.step(batch);
            StepResult found = parts.step(batch);
            assertEquals(expected.loss(), found.loss(), 1e-5);
            assertEquals(expected.gradientNorm(), found.gradientNorm(), 1e-5);
            assertEquals(expected.pixels(), found.pixels());
            assertEquals(batch.labelledPixels(), found.labels());
            Map<String, float[]> updated = state(parts.network());
            state(whole.network())
                    .forEach(
                            (name, values) ->
                                    assertArrayEquals(values, updated.get(name), 1e-5f, name));
        }
    }

    @Test
    void anEvaluationIsWhatItsLogitsSay() {
        SegmentationBatch batch = batch(3, 2);
        try (Trainer trainer = trainer().batch(4).accumulate(2).open()) {
            float[] logits = new float[3 * PIXELS * CLASSES];
            StepResult found = trainer.evaluate(batch, logits);
            double loss = 0;
            long[] intersection = new long[CLASSES];
            long[] labelled = new long[CLASSES];
            long[] predicted = new long[CLASSES];
            for (int i = 0; i < batch.labels().length; i++) {
                int label = batch.labels()[i];
                if (label != SegmentationBatch.VOID) {
                    int best = 0;
                    double sum = 0;
                    for (int c = 0; c < CLASSES; c++) {
                        sum += Math.exp(logits[i * CLASSES + c]);
                        best = logits[i * CLASSES + c] > logits[i * CLASSES + best] ? c : best;
                    }
                    loss += Math.log(sum) - logits[i * CLASSES + label];
                    intersection[label] += best == label ? 1 : 0;
                    labelled[label]++;
                    predicted[best]++;
                }
            }
            PixelTally tally = new PixelTally(intersection, labelled, predicted);
            assertEquals(loss / batch.labelledPixels(), found.loss(), 1e-5);
            assertEquals(tally, found.pixels());
            assertEquals(found.correct() / (double) batch.labelledPixels(), found.accuracy());
            assertEquals(found.loss(), trainer.evaluate(batch).loss());
        }
    }

    @Test
    void aBatchThatIsAllVoidHasNoLossAndNoGradient() {
        SegmentationBatch allVoid = withLabels(batch(4, 3), SegmentationBatch.VOID);
        try (Trainer trainer = trainer().accumulate(2).open()) {
            Map<String, float[]> before = state(trainer.network());
            StepResult step = trainer.step(allVoid);
            StepResult evaluated = trainer.evaluate(allVoid);
            for (StepResult found : new StepResult[] {step, evaluated}) {
                assertEquals(0, found.loss());
                assertEquals(0, found.gradientNorm());
                assertEquals(0, found.correct());
                assertEquals(0, found.labels());
                assertTrue(Double.isNaN(found.accuracy()));
            }
            assertEquals(1, trainer.steps());
            Map<String, float[]> after = state(trainer.network());
            before.forEach((name, values) -> assertArrayEquals(values, after.get(name), name));
            assertTrue(trainer.step(batch(4, 4)).gradientNorm() > 0);
        }
    }

    /** A recording holds launches with their numbers; how many pixels count is none of them. */
    @Test
    void stepsOverAnyNumberOfLabelledPixelsAreOneRecording() {
        FcDenseNetSpec tiny =
                FcDenseNetSpec.builder()
                        .growthRate(2)
                        .initialChannels(2)
                        .downLayers(1)
                        .bottleneckLayers(1)
                        .upLayers(1)
                        .dropout(0)
                        .classes(2)
                        .inputSize(4)
                        .build();
        try (EmulatedDevice emulated = new EmulatedDevice(DeviceOptions.defaults());
                Trainer onGpu = Trainer.of(tiny, emulated).batch(1).open();
                Trainer onCpu = Trainer.of(tiny, device).batch(1).open()) {
            for (int labelled : new int[] {16, 3, 0, 9}) {
                float[] images = new float[16 * 3];
                int[] labels = new int[16];
                Arrays.setAll(labels, i -> i < labelled ? i % 2 : SegmentationBatch.VOID);
                for (int i = 0; i < images.length; i++) {
                    images[i] = (float) Math.sin(i * i);
                }
                SegmentationBatch batch =
                        new SegmentationBatch(
                                images, labels, new int[1], 4, 4, 3, ImageMetadata.NONE);
                StepResult expected = onCpu.step(batch);
                StepResult found = onGpu.step(batch);
                assertEquals(expected.loss(), found.loss(), 1e-4);
                assertEquals(expected.pixels(), found.pixels());
                assertEquals(onCpu.evaluate(batch).loss(), onGpu.evaluate(batch).loss(), 1e-4);
            }
            assertEquals(2, emulated.sequences(), "of training and of evaluation");
        }
    }

    @Test
    void aFewLabelsAreLearnt() {
        SegmentationBatch batch = batch(2, 5);
        for (int i = 0; i < batch.labels().length; i++) {
            int label = batch.images()[3 * i] > 0 ? 1 : 2;
            batch.labels()[i] = i % 3 == 0 ? SegmentationBatch.VOID : label;
        }
        try (Trainer trainer = trainer().optimizer(Sgd.nesterov(0.05)).open()) {
            double first = trainer.step(batch, batch).loss();
            for (int i = 0; i < 60; i++) {
                trainer.step(batch, batch);
            }
            StepResult last = trainer.evaluate(batch);
            assertTrue(last.loss() < first / 4, first + " to " + last.loss());
            assertTrue(last.accuracy() > 0.9, "accuracy " + last.accuracy());
        }
    }

    // ---------------------------------------------------------------- what does not fit

    private static void refuses(String why, Executable call) {
        IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, call);
        String message = refused.getMessage();
        assertTrue(message.contains(why) && message.lines().count() == 1, message);
    }

    @Test
    void labelsThatAreNoClassAreToldWithTheirPixelBeforeAnythingChanges() {
        SegmentationBatch wrong = batch(4, 6);
        wrong.labels()[3 * PIXELS + 2 * WIDTH + 7] = 255;
        String why = "label 255 of the pixel (7, 2) of image 3 is not in 0..3, nor -1 for void";
        try (Trainer trainer = trainer().accumulate(2).open()) {
            Map<String, float[]> before = state(trainer.network());
            refuses(why, () -> trainer.step(wrong));
            refuses(why, () -> trainer.evaluate(wrong));
            assertEquals(0, trainer.steps());
            Map<String, float[]> after = state(trainer.network());
            before.forEach((name, values) -> assertArrayEquals(values, after.get(name), name));
        }
    }

    @Test
    void batchesOfTheOtherKindAreRefused() {
        Batch ofImages = new Batch(new float[PIXELS * 3], new int[1], HEIGHT, WIDTH, 3);
        DenseNetSpec classifies =
                DenseNetSpec.bc(10, 4).classes(CLASSES).inputSize(HEIGHT, WIDTH).build();
        try (Trainer trainer = trainer().open();
                Trainer other = Trainer.of(classifies, device).batch(4).open()) {
            refuses("use a SegmentationBatch", () -> trainer.step(ofImages));
            refuses("use a SegmentationBatch", () -> trainer.evaluate(ofImages));
            refuses("use a Batch", () -> other.step(batch(1, 7)));
            refuses("use a Batch", () -> other.evaluate(batch(1, 7)));
        }
    }

    @Test
    void imagesOfAnotherSizeTooManyOrWithoutRoomForLogitsAreRefused() {
        SegmentationBatch turned =
                new SegmentationBatch(
                        new float[PIXELS * 3],
                        new int[PIXELS],
                        new int[1],
                        WIDTH,
                        HEIGHT,
                        3,
                        ImageMetadata.NONE);
        try (Trainer trainer = trainer().open()) {
            refuses("images of 9x12x3, the batch has 12x9x3", () -> trainer.step(turned));
            refuses("5 images, the trainer was opened for 4", () -> trainer.step(batch(5, 8)));
            refuses("108 pixels", () -> trainer.evaluate(batch(1, 8), new float[431]));
        }
    }

    @Test
    void labelsOfPixelsAreNotSmoothed() {
        refuses("label smoothing = 0.1", () -> trainer().labelSmoothing(0.1).open());
    }
}
