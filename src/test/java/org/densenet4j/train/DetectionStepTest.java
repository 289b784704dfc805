package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Batch;
import org.densenet4j.data.Box;
import org.densenet4j.data.DetectionBatch;
import org.densenet4j.data.DetectionLoader;
import org.densenet4j.data.GlyphScenes;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.LabelledBox;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.SegmentationBatch;
import org.densenet4j.data.Task;
import org.densenet4j.detection.MultiBoxLoss;
import org.densenet4j.detection.Priors;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.ThreadRanks;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Steps of a network that finds objects. */
class DetectionStepTest {
    private static final int CLASSES = 10;
    private static final TinyDetector SPEC = TinyDetector.of(CLASSES);
    private static final Priors PRIORS = SPEC.priors();

    private final Device device = Device.open("cpu", new DeviceOptions(2, true, true));

    @AfterEach
    void close() {
        device.close();
    }

    private static DetectionBatch batch(int first, int size) {
        try (DetectionLoader.Epoch epoch =
                DetectionLoader.of(
                                GlyphScenes.of(first, size, TinyDetector.SIDE, 3),
                                TinyDetector.SIDE,
                                TinyDetector.SIDE)
                        .batch(size)
                        .epoch(0)) {
            return epoch.next();
        }
    }

    private Trainer.Builder trainer() {
        return Trainer.of(SPEC, device).batch(6).optimizer(Sgd.nesterov(0.1));
    }

    private static float[] join(Network network, List<String> heads, int images, int numbers) {
        List<float[]> outputs = new ArrayList<>();
        heads.forEach(head -> outputs.add(network.logits(head, images)));
        return PRIORS.join(outputs, numbers);
    }

    private static void give(
            Network network, List<String> heads, float[] gradient, double share, int numbers) {
        float[] scaled = gradient.clone();
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] = (float) (scaled[i] * share);
        }
        int images = gradient.length / PRIORS.size() / numbers;
        List<float[]> parts = PRIORS.split(scaled, numbers);
        for (int g = 0; g < parts.size(); g++) {
            network.logitsGradient(heads.get(g), parts.get(g), images);
        }
    }

    /** The step by the network's own calls: parts of a batch, each divided by its own matches. */
    private static double ownStep(Trainer trainer, DetectionBatch batch, int micro) {
        Network network = trainer.network();
        network.zeroGradients();
        double loss = 0;
        int each = batch.images().length / batch.size();
        for (int first = 0; first < batch.size(); first += micro) {
            int count = Math.min(micro, batch.size() - first);
            Pass pass = trainer.nextPass(count);
            float[] images = new float[count * each];
            System.arraycopy(batch.images(), first * each, images, 0, images.length);
            network.input(images, count);
            network.forward(pass);
            MultiBoxLoss.Outcome part =
                    MultiBoxLoss.of(PRIORS, CLASSES)
                            .of(
                                    join(network, SPEC.classHeads(), count, 1 + CLASSES),
                                    join(network, SPEC.offsetHeads(), count, Priors.OFFSETS),
                                    batch.objects().subList(first, first + count));
            double share = (double) count / batch.size();
            loss += share * part.loss();
            give(network, SPEC.classHeads(), part.logitsGradient(), share, 1 + CLASSES);
            give(network, SPEC.offsetHeads(), part.offsetsGradient(), share, Priors.OFFSETS);
            network.backward(pass);
        }
        trainer.update();
        return loss;
    }

    /** Also where the last micro-batch is smaller: 6 images in parts of 2, 5 in 2, 2 and 1. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void microBatchesAreDividedByTheirOwnMatchesAndWeighedByTheirImages(int accumulate) {
        try (Trainer trainer = trainer().accumulate(accumulate).open();
                Trainer own = trainer().accumulate(accumulate).open()) {
            for (int size : new int[] {6, 5, 6}) {
                DetectionBatch batch = batch(10 * size, size);
                StepResult result = trainer.step(batch, batch(0, 6));
                assertEquals(ownStep(own, batch, 6 / accumulate), result.loss(), 1e-12);
                assertEquals(size, result.images());
                assertEquals(size, result.meanOver());
                assertTrue(result.gradientNorm() > 0);
            }
            assertEquals(3, trainer.steps());
            for (ParameterSpec p : own.network().parameters()) {
                assertArrayEquals(
                        own.network().parameter(p.name()),
                        trainer.network().parameter(p.name()),
                        p.name());
            }
        }
    }

    @Test
    void evaluationGivesTheLossOfTheHeadsThatItReturnsAndChangesNothing() {
        DetectionBatch batch = batch(0, 5);
        try (Trainer trainer = trainer().accumulate(3).open()) {
            trainer.step(batch(50, 6));
            float[] logits = new float[5 * PRIORS.size() * (1 + CLASSES)];
            float[] offsets = new float[5 * PRIORS.size() * Priors.OFFSETS];
            StepResult result = trainer.evaluate(batch, logits, offsets);
            assertEquals(result, trainer.evaluate(batch));
            double expected = 0;
            int matches = 0;
            for (int i = 0; i < 5; i += 2) {
                int count = Math.min(2, 5 - i);
                Network network = trainer.network();
                float[] part = new float[count * batch.images().length / 5];
                System.arraycopy(batch.images(), i * part.length / count, part, 0, part.length);
                network.input(part, count);
                network.forward(new Pass(count, Mode.EVALUATE, 1, 0));
                float[] joined = join(network, SPEC.classHeads(), count, 1 + CLASSES);
                float[] boxes = join(network, SPEC.offsetHeads(), count, Priors.OFFSETS);
                for (int l = 0; l < joined.length; l++) {
                    assertEquals(joined[l], logits[i * joined.length / count + l]);
                }
                for (int l = 0; l < boxes.length; l++) {
                    assertEquals(boxes[l], offsets[i * boxes.length / count + l]);
                }
                MultiBoxLoss.Outcome outcome =
                        MultiBoxLoss.of(PRIORS, CLASSES)
                                .of(joined, boxes, batch.objects().subList(i, i + count));
                expected += outcome.loss() * outcome.matches();
                matches += outcome.matches();
            }
            assertEquals(matches, result.meanOver());
            assertEquals(expected / matches, result.loss(), 1e-12);
            assertEquals(Task.DETECT, trainer.task());
        }
    }

    @Test
    void theLossOfABatchThatIsTrainedOnFalls() {
        DetectionBatch batch = batch(0, 6);
        try (Trainer trainer = trainer().optimizer(Adam.of(0.01)).open()) {
            double first = trainer.step(batch).loss();
            double last = first;
            for (int step = 0; step < 60; step++) {
                last = trainer.step(batch).loss();
            }
            assertTrue(last < 0.5 * first, first + " to " + last);
        }
    }

    /** Two ranks of 3 images each are two micro-batches of 3. */
    @Test
    void ranksAreAsMicroBatches() throws Exception {
        DetectionBatch batch = batch(0, 6);
        List<Communicator> ranks = ThreadRanks.of(2);
        try (Trainer alone = trainer().accumulate(2).open();
                ExecutorService threads = Executors.newFixedThreadPool(2)) {
            StepResult expected = alone.step(batch);
            List<Future<float[]>> parameters = new ArrayList<>();
            for (int r = 0; r < 2; r++) {
                int rank = r;
                parameters.add(
                        threads.submit(
                                () -> {
                                    try (Device own =
                                                    Device.open(
                                                            "cpu",
                                                            new DeviceOptions(1, true, true));
                                            Trainer trainer =
                                                    Trainer.of(SPEC, own)
                                                            .batch(6)
                                                            .optimizer(Sgd.nesterov(0.1))
                                                            .communicator(ranks.get(rank))
                                                            .open()) {
                                        StepResult found = trainer.step(part(batch, 3 * rank, 3));
                                        assertEquals(expected.loss(), found.loss(), 1e-6);
                                        return trainer.network().parameter("class0.conv.weight");
                                    }
                                }));
            }
            float[] first = parameters.get(0).get();
            assertArrayEquals(first, parameters.get(1).get());
            assertArrayEquals(alone.network().parameter("class0.conv.weight"), first, 1e-5f);
        }
    }

    private static DetectionBatch part(DetectionBatch batch, int first, int count) {
        int each = batch.images().length / batch.size();
        float[] images = new float[count * each];
        System.arraycopy(batch.images(), first * each, images, 0, images.length);
        return new DetectionBatch(
                images,
                batch.objects().subList(first, first + count),
                new int[count],
                batch.height(),
                batch.width(),
                batch.channels(),
                batch.metadata());
    }

    @Test
    void aBatchThatIsNotFiniteIsRefusedAndLeavesTheNetworkAsItWas() {
        DetectionBatch batch = batch(0, 6);
        float[] images = batch.images().clone();
        images[0] = Float.NaN;
        try (Trainer trainer = trainer().open()) {
            trainer.step(batch);
            long before = trainer.network().stateHash();
            DetectionBatch broken =
                    new DetectionBatch(
                            images,
                            batch.objects(),
                            batch.indices(),
                            batch.height(),
                            batch.width(),
                            batch.channels(),
                            batch.metadata());
            NonFiniteException e =
                    assertThrows(NonFiniteException.class, () -> trainer.step(broken));
            assertTrue(e.getMessage().contains("input"), e.getMessage());
            assertEquals(before, trainer.network().stateHash());
            assertEquals(1, trainer.steps());
        }
    }

    private static DetectionBatch ofLabel(int label, int side) {
        return new DetectionBatch(
                new float[side * side * 3],
                List.of(List.of(new LabelledBox(new Box(0.1, 0.1, 0.5, 0.5), label))),
                new int[1],
                side,
                side,
                3,
                ImageMetadata.NONE);
    }

    @Test
    void whatDoesNotFitTheNetworkIsRefusedInOneLine() {
        try (Trainer trainer = trainer().open()) {
            refused("32x32x3", () -> trainer.step(ofLabel(0, 16)));
            refused("label 10 of an object of image 0", () -> trainer.step(ofLabel(10, 32)));
            refused("opened for 6", () -> trainer.step(batch(0, 7)));
            refused("room for 3", () -> trainer.evaluate(batch(0, 1), new float[3], new float[3]));
            refused(
                    "use a DetectionBatch",
                    () -> trainer.step(new Batch(new float[32 * 32 * 3], new int[1], 32, 32, 3)));
            refused(
                    "use a DetectionBatch",
                    () ->
                            trainer.step(
                                    new SegmentationBatch(
                                            new float[32 * 32 * 3],
                                            new int[32 * 32],
                                            new int[1],
                                            32,
                                            32,
                                            3,
                                            ImageMetadata.NONE)));
            refused(
                    "3 classes",
                    () ->
                            trainer.images(
                                    ImageMetadata.of(
                                            List.of("a", "b", "c"), Normalisation.none(3))));
        }
        refused("loss of SSD alone", () -> trainer().labelSmoothing(0.1).open());
        DenseNetSpec images = DenseNetSpec.bc(10, 4).classes(3).inputSize(32, 32).build();
        try (Trainer trainer = Trainer.of(images, device).batch(2).open()) {
            refused("classifies images; use a Batch", () -> trainer.step(batch(0, 2)));
        }
    }

    private static void refused(String part, Runnable work) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, work::run);
        assertTrue(e.getMessage().contains(part), e.getMessage());
    }
}
