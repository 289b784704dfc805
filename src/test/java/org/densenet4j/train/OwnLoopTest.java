package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.inference.Predictor;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.weights.Model;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** Steps of a user's own through the network, mixed with the trainer's, and what a save records. */
class OwnLoopTest {
    private static final int IMAGES = 6;
    private static final int SIZE = 8;
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 4).classes(3).inputSize(SIZE, SIZE).dropout(0.1).build();
    private static final DeviceOptions OPTIONS = new DeviceOptions(2, true, true);

    @TempDir private Path folder;

    private static Batch batch(int number) {
        Random random = new Random(number);
        float[] images = new float[IMAGES * SIZE * SIZE * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) random.nextGaussian();
        }
        return new Batch(images, new int[] {0, 1, 2, 0, 1, 2}, SIZE, SIZE, 3);
    }

    private static Trainer open(Device device, Sgd sgd, double clip) {
        return Trainer.of(SPEC, device).batch(IMAGES).optimizer(sgd).clipGradients(clip).open();
    }

    /** The cross-entropy of the trainer, by the network's own calls. */
    private static void ownStep(Trainer trainer, Batch batch) {
        Network network = trainer.network();
        Pass pass = trainer.nextPass(batch.size());
        network.zeroGradients();
        network.input(batch.images(), batch.size());
        network.forward(pass);
        network.loss(pass, batch.labels(), 0, batch.size());
        network.backward(pass);
        trainer.update();
    }

    private static void assertSame(Network expected, Network found) {
        for (ParameterSpec p : expected.parameters()) {
            assertArrayEquals(expected.parameter(p.name()), found.parameter(p.name()), p.name());
            assertArrayEquals(expected.velocity(p.name()), found.velocity(p.name()), p.name());
        }
    }

    @ParameterizedTest
    @CsvSource({"0.9, true, 0", "0.9, true, 0.5", "0.8, false, 0", "0, false, 0.5"})
    void fiveOwnStepsAndOneOfTheTrainerAreSixOfTheTrainer(
            double momentum, boolean nesterov, double clip) {
        Sgd sgd = new Sgd(0.1, momentum, nesterov, 1e-3, true);
        try (Device device = Device.open("cpu", OPTIONS);
                Trainer whole = open(device, sgd, clip);
                Trainer mixed = open(device, sgd, clip)) {
            for (int step = 0; step < 6; step++) {
                whole.step(batch(step));
                if (step < 5) {
                    ownStep(mixed, batch(step));
                } else {
                    mixed.step(batch(step));
                }
            }
            assertSame(whole.network(), mixed.network());
            assertEquals(6, mixed.steps());
        }
    }

    @Test
    void averagesFollowStepsWhosePassesAreOnesOwn() {
        try (Device device = Device.open("cpu", OPTIONS);
                Trainer trainer =
                        Trainer.of(SPEC, device)
                                .batch(IMAGES)
                                .optimizer(Sgd.plain(0.1))
                                .averageWeights(new WeightAverage(0.75, false))
                                .open()) {
            Network network = trainer.network();
            float[] before = network.parameter("classifier.weight");
            network.zeroGradients();
            Batch batch = batch(0);
            Pass pass = new Pass(batch.size(), Mode.TRAIN, 1, 0);
            network.input(batch.images(), batch.size());
            network.forward(pass);
            network.loss(pass, batch.labels(), 0, batch.size());
            network.backward(pass);
            trainer.update();
            float[] after = network.parameter("classifier.weight");
            trainer.exchangeAverages();
            float[] averages = network.parameter("classifier.weight");
            for (int i = 0; i < averages.length; i++) {
                assertEquals(0.75 * before[i] + 0.25 * after[i], averages[i], 1e-6);
            }
        }
    }

    /** PyTorch keeps dampening to momentum. */
    @Test
    void withoutMomentumNoGradientIsDampened() {
        Sgd plain = Sgd.plain(0.1).withDampening(0.5);
        assertEquals(1, plain.step(0.1, 1, 2).gradientShare());
        assertEquals(0.5, plain.withMomentum(0.9).step(0.1, 1, 2).gradientShare());
    }

    @Test
    void momentumThatWasLoadedIsNotThrownAway() throws IOException {
        Sgd sgd = Sgd.nesterov(0.1);
        Path file = folder.resolve("own.safetensors");
        try (Device device = Device.open("cpu", OPTIONS);
                Trainer whole = open(device, sgd, 0);
                Trainer first = open(device, sgd, 0);
                Trainer second = open(device, sgd, 0)) {
            whole.step(batch(0));
            whole.step(batch(1));
            ownStep(first, batch(0));
            first.save(file);
            second.load(file);
            assertEquals(1, second.steps());
            second.step(batch(1));
            assertEquals(2, second.steps());
            assertSame(whole.network(), second.network());
        }
    }

    @Test
    void anUpdateHasGradientsOfItsOwn() {
        try (Device device = Device.open("cpu", OPTIONS);
                Trainer trainer = open(device, Sgd.nesterov(0.1), 0)) {
            Network network = trainer.network();
            assertThrows(IllegalStateException.class, trainer::update);
            trainer.step(batch(0));
            float[] before = network.parameter("features.conv0.weight");
            assertThrows(IllegalStateException.class, trainer::update);
            assertArrayEquals(before, network.parameter("features.conv0.weight"));
            assertEquals(1, trainer.steps());
            ownStep(trainer, batch(1));
            assertThrows(IllegalStateException.class, trainer::update);
            network.gradient("classifier.bias", new float[] {1, 2, 3}); // of a loss of one's own
            trainer.update();
            network.gradient("classifier.bias", new float[] {1, 2, 3});
            network.zeroGradients();
            assertThrows(IllegalStateException.class, trainer::update);
            assertEquals(3, trainer.steps());
        }
    }

    @Test
    void anOwnStepWithGradientsThatAreNotFiniteChangesNothing() {
        try (Device device = Device.open("cpu", OPTIONS);
                Trainer trainer = open(device, Sgd.nesterov(0.1), 0)) {
            Network network = trainer.network();
            float[] before = network.parameter("classifier.bias");
            network.gradient("classifier.bias", new float[] {0, Float.NaN, 0});
            NonFiniteException refused = assertThrows(NonFiniteException.class, trainer::update);
            assertTrue(refused.getMessage().contains("classifier.bias"), refused.getMessage());
            assertArrayEquals(before, network.parameter("classifier.bias"));
            assertEquals(0, trainer.steps());
        }
    }

    /** Six images of noise with names of their own. */
    private record Noise(List<String> classNames) implements Dataset {
        @Override
        public int size() {
            return IMAGES;
        }

        @Override
        public int height() {
            return SIZE;
        }

        @Override
        public int width() {
            return SIZE;
        }

        @Override
        public int channels() {
            return 3;
        }

        @Override
        public int label(int index) {
            return index % 3;
        }

        @Override
        public void read(int index, byte[] pixels) {
            new Random(index).nextBytes(pixels);
        }
    }

    @Test
    void aSaveRecordsTheClassesAndNormalisationOfTheBatches() throws IOException {
        Path file = folder.resolve("named.safetensors");
        Normalisation normalisation =
                new Normalisation(new float[] {0.1f, 0.2f, 0.3f}, new float[] {0.5f, 0.6f, 0.7f});
        List<String> names = List.of("a", "b", "c");
        BatchLoader batches =
                BatchLoader.of(new Noise(names)).batch(IMAGES).normalise(normalisation);
        try (Device device = Device.open("cpu", OPTIONS)) {
            try (Trainer trainer = open(device, Sgd.plain(0.1), 0);
                    BatchLoader.Epoch epoch = batches.epoch(0)) {
                trainer.step(epoch.next());
                trainer.save(file);
                Noise renamed = new Noise(List.of("a", "c", "b"));
                try (BatchLoader.Epoch other = BatchLoader.of(renamed).batch(IMAGES).epoch(0)) {
                    Batch batch = other.next();
                    assertThrows(IllegalArgumentException.class, () -> trainer.step(batch));
                    assertThrows(IllegalArgumentException.class, () -> trainer.evaluate(batch));
                }
            }
            try (Model model = Model.open(file);
                    Predictor predictor = Predictor.of(model).device(device).open()) {
                assertEquals(names, predictor.classNames());
                assertArrayEquals(normalisation.mean(), predictor.normalisation().mean());
                assertArrayEquals(normalisation.deviation(), predictor.normalisation().deviation());
            }
        }
    }

    @Test
    void aPredictorInventsNoNormalisation() throws IOException {
        Path file = folder.resolve("unnamed.safetensors");
        try (Device device = Device.open("cpu", OPTIONS)) {
            try (Trainer trainer = open(device, Sgd.plain(0.1), 0)) {
                trainer.step(batch(0));
                trainer.save(file);
            }
            Image image = new Image(SIZE, SIZE, 3, new byte[SIZE * SIZE * 3]);
            try (Model model = Model.open(file);
                    Predictor predictor = Predictor.of(model).device(device).open()) {
                IllegalStateException refused =
                        assertThrows(
                                IllegalStateException.class, () -> predictor.classify(image, 1));
                assertTrue(refused.getMessage().contains("withNormalisation"));
                assertEquals(3, predictor.logits(new float[SIZE * SIZE * 3], 1).length);
            }
            try (Model model = Model.open(file);
                    Predictor predictor =
                            Predictor.of(model.withNormalisation(Normalisation.CIFAR10))
                                    .device(device)
                                    .open()) {
                assertEquals(1, predictor.classify(image, 1).size());
            }
        }
    }

    @Test
    void aTrainerThatIsToldOfItsImagesRecordsThem() throws IOException {
        Path file = folder.resolve("told.safetensors");
        ImageMetadata images = ImageMetadata.of(List.of("x", "y", "z"), Normalisation.CIFAR100);
        try (Device device = Device.open("cpu", OPTIONS)) {
            try (Trainer trainer = Trainer.of(SPEC, device).batch(IMAGES).images(images).open()) {
                trainer.step(batch(0));
                trainer.save(file);
            }
            try (Trainer other =
                    Trainer.of(SPEC, device)
                            .batch(IMAGES)
                            .images(
                                    ImageMetadata.of(
                                            List.of("y", "x", "z"), Normalisation.CIFAR100))
                            .open()) {
                assertThrows(IOException.class, () -> other.load(file));
            }
            try (Model model = Model.open(file)) {
                assertEquals(List.of("x", "y", "z"), model.classNames());
                assertArrayEquals(Normalisation.CIFAR100.mean(), model.normalisation().mean());
            }
        }
    }
}
