package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.data.Image;
import org.densenet4j.plan.Category;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.PlanException;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.RandomModel;
import org.densenet4j.weights.RandomSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

class PredictorTest {
    private static final DenseNetSpec SMALL = DenseNetSpec.bc(16, 5).inputSize(12, 9).build();

    @TempDir private Path folder;

    private Predictor open(RandomModel random, Device device, int batch) throws IOException {
        Path path = random.write(folder.resolve("m" + System.nanoTime() + ".safetensors"));
        try (Model model = Model.open(path)) {
            return Predictor.of(model).device(device).batch(batch).open();
        }
    }

    @Test
    void foldedLogitsAreThoseOfTheTrainingEngine() throws IOException {
        SplittableRandom random = new SplittableRandom(11);
        for (int trial = 0; trial < 20; trial++) {
            DenseNetSpec spec = RandomSpec.draw(random);
            RandomModel model = new RandomModel(spec, trial);
            int threads = random.nextInt(1, 4);
            DeviceOptions options =
                    DeviceOptions.defaults()
                            .withThreads(threads)
                            .withVectorApi(random.nextInt(4) > 0);
            int count = random.nextInt(1, 8);
            int batch = random.nextInt(1, 8);
            try (Device device = Device.open("cpu", options);
                    Predictor predictor = open(model, device, batch)) {
                float[] images = model.images(count, trial);
                double error =
                        RandomModel.error(
                                model.expectedLogits(device, images, count),
                                predictor.logits(images, count));
                assertTrue(error < 1e-4, spec + " batch " + batch + "/" + count + ": " + error);
                assertEquals(predictor.plan().peakBytes(), predictor.allocatedBytes());
            }
        }
    }

    /** Largest difference of a logit in bf16, as a share of the largest logit. */
    private static final double BFLOAT16_TOLERANCE = 0.05;

    @Test
    void logitsInBFloat16AreCloseAndNameTheSameClasses() throws IOException {
        SplittableRandom random = new SplittableRandom(13);
        int images = 0;
        int same = 0;
        for (int trial = 0; trial < 12; trial++) {
            RandomModel model = new RandomModel(RandomSpec.draw(random), trial);
            DeviceOptions options =
                    DeviceOptions.defaults().withThreads(2).withVectorApi(trial % 4 > 0);
            Path path = model.write(folder.resolve("h" + trial + ".safetensors"));
            try (Device device = Device.open("cpu", options);
                    Model file = Model.open(path);
                    Predictor floats = Predictor.of(file).device(device).batch(3).open()) {
                assumeTrue(device.supports(DataType.BFLOAT16), device.description());
                float[] pixels = model.images(8, trial);
                try (Predictor halves =
                        Predictor.of(file)
                                .device(device)
                                .batch(3)
                                .precision(DataType.BFLOAT16)
                                .open()) {
                    assertEquals(halves.plan().peakBytes(), halves.allocatedBytes());
                    double error =
                            RandomModel.error(floats.logits(pixels, 8), halves.logits(pixels, 8));
                    assertTrue(error < BFLOAT16_TOLERANCE, model.spec() + ": " + error);
                    for (int i = 0; i < 8; i++) {
                        images++;
                        same += best(floats, pixels, i) == best(halves, pixels, i) ? 1 : 0;
                    }
                    float[] image = model.images(1, trial);
                    HeatMap expected = floats.heatMap(image, 0);
                    HeatMap map = halves.heatMap(image, 0);
                    double difference = RandomModel.error(expected.values(), map.values());
                    assertTrue(difference < 2 * BFLOAT16_TOLERANCE, model.spec() + ": map");
                }
            }
        }
        assertTrue(same > 0.9 * images, same + " of " + images);
    }

    private static int best(Predictor predictor, float[] pixels, int image) {
        int length = pixels.length / 8;
        float[] one = Arrays.copyOfRange(pixels, image * length, (image + 1) * length);
        return predictor.classify(one, 1, 1).getFirst().getFirst().index();
    }

    @Test
    void emulatedCudaKernelsGiveTheSameLogits() throws IOException {
        SplittableRandom random = new SplittableRandom(12);
        for (int trial = 0; trial < 4; trial++) {
            DenseNetSpec spec = RandomSpec.draw(random);
            RandomModel model = new RandomModel(spec, trial);
            float[] images = model.images(3, trial);
            try (Device cpu = Device.cpu();
                    Device emulated = new EmulatedDevice(DeviceOptions.defaults());
                    Predictor predictor = open(model, emulated, 2)) {
                double error =
                        RandomModel.error(
                                model.expectedLogits(cpu, images, 3), predictor.logits(images, 3));
                assertTrue(error < 1e-4, spec + ": " + error);
            }
        }
    }

    @Test
    void logitsDoNotDependOnHowImagesAreBatched() throws IOException {
        RandomModel model = new RandomModel(SMALL, 3);
        float[] images = model.images(7, 1);
        try (Device device = Device.cpu();
                Predictor one = open(model, device, 1);
                Predictor three = open(model, device, 3);
                Predictor many = open(model, device, 64)) {
            float[] expected = one.logits(images, 7);
            assertTrue(RandomModel.error(expected, three.logits(images, 7)) < 1e-5);
            assertTrue(RandomModel.error(expected, many.logits(images, 7)) < 1e-5);
            assertEquals(0, one.logits(images, 0).length);
        }
    }

    @Test
    void theClassActivationMapAddsUpToTheLogit() throws IOException {
        SplittableRandom random = new SplittableRandom(5);
        for (int trial = 0; trial < 10; trial++) {
            RandomModel model = new RandomModel(RandomSpec.draw(random), trial);
            try (Device device = Device.cpu();
                    Predictor predictor = open(model, device, 2)) {
                float[] image = model.images(1, trial);
                float[] logits = predictor.logits(image, 1);
                for (int c = 0; c < logits.length; c++) {
                    HeatMap map = predictor.heatMap(image, c);
                    double sum = 0;
                    for (float value : map.values()) {
                        sum += value;
                    }
                    double logit = sum / map.values().length + model.values("classifier.bias")[c];
                    assertEquals(logits[c], logit, 1e-3, model.spec() + " class " + c);
                }
                int best = predictor.classify(image, 1, 1).getFirst().getFirst().index();
                assertEquals(best, predictor.heatMap(image, -1).classIndex());
            }
        }
    }

    @Test
    void embeddingsAreWhatTheClassifierReads() throws IOException {
        RandomModel model = new RandomModel(SMALL, 8);
        try (Device device = Device.cpu();
                Predictor predictor = open(model, device, 2)) {
            float[] images = model.images(5, 2);
            float[] embeddings = predictor.embeddings(images, 5);
            float[] logits = predictor.logits(images, 5);
            int length = predictor.embeddingLength();
            assertEquals(5 * length, embeddings.length);
            float[] weights = model.values("classifier.weight");
            for (int i = 0; i < 5; i++) {
                for (int c = 0; c < SMALL.classes(); c++) {
                    double sum = model.values("classifier.bias")[c];
                    for (int k = 0; k < length; k++) {
                        sum += (double) weights[c * length + k] * embeddings[i * length + k];
                    }
                    assertEquals(sum, logits[i * SMALL.classes() + c], 1e-4);
                }
            }
        }
    }

    @Test
    void probabilitiesAddUpAndTopClassesAreInOrder() throws IOException {
        RandomModel model = new RandomModel(SMALL, 4);
        try (Device device = Device.cpu();
                Predictor predictor = open(model, device, 4)) {
            float[] images = model.images(3, 9);
            float[] probabilities = predictor.outputs(images, 3);
            for (int i = 0; i < 3; i++) {
                double sum = 0;
                for (int c = 0; c < 10; c++) {
                    sum += probabilities[10 * i + c];
                }
                assertEquals(1, sum, 1e-5);
            }
            for (List<Prediction> top : predictor.classify(images, 3, 99)) {
                assertEquals(10, top.size());
                for (int k = 1; k < 10; k++) {
                    assertTrue(top.get(k - 1).probability() >= top.get(k).probability());
                }
            }
        }
    }

    @Test
    void anImageOfAnySizeIsPreparedFirst() throws IOException {
        RandomModel model = new RandomModel(SMALL, 4);
        byte[] pixels = new byte[40 * 50 * 3];
        new Random(1).nextBytes(pixels);
        Image image = new Image(40, 50, 3, pixels);
        try (Device device = Device.cpu();
                Predictor predictor = open(model, device, 4)) {
            float[] prepared = new float[predictor.preparation().length()];
            predictor.preparation().prepare(image, prepared, 0);
            assertEquals(
                    predictor.classify(prepared, 1, 3).getFirst(), predictor.classify(image, 3));
        }
    }

    @Test
    void manyThreadsGetTheirOwnResults() throws Exception {
        RandomModel model = new RandomModel(SMALL, 6);
        try (Device device = Device.cpu();
                Predictor predictor = open(model, device, 2)) {
            List<float[]> inputs = new ArrayList<>();
            List<float[]> expected = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                inputs.add(model.images(1 + i % 5, i));
                expected.add(predictor.logits(inputs.get(i), 1 + i % 5));
            }
            try (ExecutorService pool = Executors.newFixedThreadPool(8)) {
                List<Future<float[]>> results = new ArrayList<>();
                for (int call = 0; call < 64; call++) {
                    int i = call % 8;
                    results.add(pool.submit(() -> predictor.logits(inputs.get(i), 1 + i % 5)));
                }
                for (int call = 0; call < 64; call++) {
                    assertArrayEquals(expected.get(call % 8), results.get(call).get());
                }
            }
        }
    }

    @Test
    void closesTwiceAndRefusesCallsAfterwards() throws IOException {
        RandomModel model = new RandomModel(SMALL, 2);
        Predictor predictor = Predictor.open(model.write(folder.resolve("c.safetensors")));
        predictor.logits(model.images(1, 1), 1);
        predictor.close();
        predictor.close();
        assertThrows(IllegalStateException.class, () -> predictor.logits(model.images(1, 1), 1));
    }

    @Test
    void refusesWhatDoesNotFit() throws IOException {
        RandomModel model = new RandomModel(SMALL, 2);
        Path path = model.write(folder.resolve("r.safetensors"));
        try (Predictor predictor = Predictor.open(path);
                Model file = Model.open(path)) {
            assertThrows(IllegalArgumentException.class, () -> predictor.logits(new float[10], 1));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> predictor.heatMap(model.images(1, 1), 10));
            PlanException e =
                    assertThrows(
                            PlanException.class,
                            () -> Predictor.of(file).batch(64).memoryBudget(1 << 14).open());
            assertTrue(e.getMessage().contains("batch"), e.getMessage());
        }
    }

    @Test
    void keepsFeaturesAndNothingElse() {
        try (Device device = Device.cpu()) {
            for (DenseNetSpec spec :
                    List.of(DenseNetSpec.bc(100, 12).build(), DenseNetSpec.densenet121().build())) {
                InferencePlan plan = InferencePlan.of(spec).batch(32).on(device);
                Map<Category, Long> bytes = plan.bytesAtPeak();
                for (Category category :
                        List.of(
                                Category.GRADIENTS,
                                Category.OPTIMISER,
                                Category.PARAMETER_GRADIENTS,
                                Category.COPIES,
                                Category.BOTTLENECKS)) {
                    assertEquals(0, bytes.getOrDefault(category, 0L));
                }
                long training =
                        MemoryPlan.of(spec)
                                .strategy(MemoryStrategy.RECOMPUTE)
                                .batch(32)
                                .on(device)
                                .peakBytes();
                // No gradients; the weights are there once more, transformed for convolutions.
                assertTrue(plan.peakBytes() < 0.6 * training, plan.peakBytes() + " of " + training);
                // Features of the two blocks that a transition joins, at most.
                long[] blocks =
                        plan.memory().graph().features().stream()
                                .mapToLong(x -> plan.memory().values(x.all()).storedBytes())
                                .toArray();
                long most =
                        Math.max(plan.memory().input().bytes() + blocks[0], blocks[0] + blocks[1]);
                long features = bytes.getOrDefault(Category.FEATURES, 0L);
                assertTrue(features <= most + (1 << 20), Arrays.toString(blocks) + " " + features);
            }
        }
    }
}
