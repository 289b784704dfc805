package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.data.Batch;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.LossFunction;
import org.densenet4j.engine.ThreadRanks;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.TargetKind;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Training on vectors of targets: several labels, numbers, shares of classes. */
class VectorTargetsTest {
    private static final int SIZE = 8;
    private static final int IMAGES = 8;
    private static final int OUTPUTS = 3;
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(16, 4).inputSize(SIZE).classes(OUTPUTS).build();
    private static final float NONE = Float.NaN;

    private static Device open(boolean cuda) {
        return cuda
                ? new EmulatedDevice(DeviceOptions.defaults())
                : Device.open(
                        "cpu", DeviceOptions.defaults().withThreads(2).withDeterministic(true));
    }

    /** Colour channels are bright or dark by themselves: label c is whether channel c is bright. */
    private static Batch colours(long seed, boolean missing) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] images = new float[IMAGES * SIZE * SIZE * 3];
        float[] targets = new float[IMAGES * OUTPUTS];
        for (int i = 0; i < IMAGES; i++) {
            for (int c = 0; c < OUTPUTS; c++) {
                boolean bright = random.nextBoolean();
                targets[i * OUTPUTS + c] =
                        missing && random.nextInt(3) == 0 ? NONE : bright ? 1 : 0;
                for (int p = 0; p < SIZE * SIZE; p++) {
                    images[(i * SIZE * SIZE + p) * 3 + c] =
                            (float) ((bright ? 1 : -1) + 0.3 * random.nextGaussian());
                }
            }
        }
        return Batch.ofVectors(images, targets, IMAGES, SIZE, SIZE, 3);
    }

    private static Trainer.Builder builder(Device device, LossFunction loss) {
        return Trainer.of(SPEC, device)
                .batch(IMAGES)
                .loss(loss)
                .optimizer(Sgd.nesterov(0.1))
                .seed(3);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aNetworkLearnsSeveralLabelsOfWhichSomeAreMissing(boolean cuda) {
        try (Device device = open(cuda);
                Trainer trainer = builder(device, LossFunction.binaryCrossEntropy()).open()) {
            for (int step = 0; step < (cuda ? 12 : 40); step++) {
                trainer.step(colours(step, true));
            }
            StepResult test = trainer.evaluate(colours(1000, false));
            assertTrue(test.loss() < (cuda ? 0.6 : 0.45), () -> "loss " + test.loss());
            assertEquals(IMAGES * OUTPUTS, test.meanOver());
        }
    }

    @Test
    void aNetworkLearnsNumbers() {
        try (Device device = open(false);
                Trainer trainer = builder(device, LossFunction.huber(1)).open()) {
            for (int step = 0; step < 40; step++) {
                trainer.step(colours(step, false));
            }
            StepResult test = trainer.evaluate(colours(1000, false));
            assertTrue(test.loss() < 0.05, () -> "loss " + test.loss());
            assertEquals(0, test.correct());
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void theArenaIsAsLargeAsItsPlanAndPlainLossesPayNothing(MemoryStrategy strategy) {
        for (boolean cuda : new boolean[] {false, true}) {
            try (Device device = open(cuda)) {
                long ofClasses = 0;
                for (LossFunction loss :
                        List.of(
                                LossFunction.crossEntropy(),
                                LossFunction.crossEntropy().withFocus(2),
                                LossFunction.binaryCrossEntropy(),
                                LossFunction.meanSquaredError(),
                                LossFunction.huber(1))) {
                    Trainer.Builder b = builder(device, loss).strategy(strategy);
                    long planned = b.plan().peakBytes();
                    try (Trainer trainer = b.open()) {
                        assertEquals(planned, trainer.network().allocatedBytes());
                    }
                    ofClasses = ofClasses == 0 ? planned : ofClasses;
                    assertTrue(planned >= ofClasses);
                }
            }
        }
    }

    /** With running statistics as constants images do not depend on each other. */
    @Test
    void microBatchesWithOtherNumbersOfLabelsAddUpToTheWholeBatch() {
        for (LossFunction loss :
                List.of(
                        LossFunction.binaryCrossEntropy(),
                        LossFunction.binaryCrossEntropy().withMeanByLabel(List.of(0.5, 1.0, 2.0)),
                        LossFunction.meanSquaredError())) {
            try (Device device = open(false)) {
                float[][] weights = new float[2][];
                double[] losses = new double[2];
                for (int i = 0; i < 2; i++) {
                    try (Trainer trainer =
                            builder(device, loss)
                                    .freezeBatchNorm(true)
                                    .accumulate(i == 0 ? 1 : 3)
                                    .open()) {
                        losses[i] = trainer.step(colours(5, true)).loss();
                        weights[i] = trainer.network().parameter("classifier.weight");
                    }
                }
                assertEquals(losses[0], losses[1], 1e-6);
                assertArrayEquals(weights[0], weights[1], 1e-6f);
            }
        }
    }

    /** The first rank's images have other labels that are known than the second's. */
    @Test
    void ranksWithOtherNumbersOfLabelsAddUpToTheWholeBatch() throws Exception {
        for (LossFunction loss :
                List.of(
                        LossFunction.binaryCrossEntropy()
                                .withPositiveWeights(List.of(1.0, 3.0, 0.5)),
                        LossFunction.binaryCrossEntropy().withMeanByLabel(List.of(0.5, 1.0, 2.0)),
                        LossFunction.meanSquaredError(),
                        LossFunction.huber(0.5))) {
            Step whole = step(loss, Communicator.alone(), colours(5, true));
            List<Communicator> ranks = ThreadRanks.of(2);
            List<Future<Step>> parts = new ArrayList<>();
            try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
                for (Communicator rank : ranks) {
                    Batch share = share(colours(5, true), rank.rank());
                    parts.add(threads.submit(() -> step(loss, rank, share)));
                }
                for (Future<Step> part : parts) {
                    assertEquals(whole.loss(), part.get().loss(), 1e-6, loss::toString);
                    assertArrayEquals(whole.weights(), part.get().weights(), 1e-6f);
                }
            }
        }
    }

    private record Step(double loss, float[] weights) {}

    /** With running statistics as constants, so that images do not depend on each other. */
    private static Step step(LossFunction loss, Communicator rank, Batch share) {
        try (Device device = open(false);
                Trainer trainer =
                        builder(device, loss).freezeBatchNorm(true).communicator(rank).open()) {
            double found = trainer.step(share).loss();
            return new Step(found, trainer.network().parameter("classifier.weight"));
        }
    }

    private static Batch share(Batch batch, int rank) {
        int images = IMAGES / 2;
        int pixels = images * SIZE * SIZE * 3;
        int targets = images * OUTPUTS;
        return Batch.ofVectors(
                Arrays.copyOfRange(batch.images(), rank * pixels, (rank + 1) * pixels),
                Arrays.copyOfRange(batch.targets(), rank * targets, (rank + 1) * targets),
                images,
                SIZE,
                SIZE,
                3);
    }

    @Test
    void classIndicesAreSharesOfOneClass() {
        try (Device device = open(false)) {
            double[] losses = new double[2];
            Batch vectors = colours(5, false);
            Batch classes =
                    new Batch(vectors.images(), new int[] {0, 1, 2, 0, 1, 2, 0, 1}, SIZE, SIZE, 3);
            for (TargetKind kind : TargetKind.values()) {
                try (Trainer trainer =
                        builder(device, LossFunction.crossEntropy())
                                .labelSmoothing(0.1)
                                .targets(kind)
                                .open()) {
                    StepResult first = trainer.step(classes);
                    losses[kind.ordinal()] = first.loss();
                    assertEquals(IMAGES, first.meanOver());
                }
            }
            assertEquals(losses[0], losses[1], 1e-6);
        }
    }

    @Test
    void aBatchWithoutAnyTargetHasNoLossAndNoGradient() {
        try (Device device = open(false);
                Trainer trainer =
                        Trainer.of(SPEC, device)
                                .batch(IMAGES)
                                .loss(LossFunction.binaryCrossEntropy())
                                .optimizer(new Sgd(0.1, 0.9, true, 0, true))
                                .open()) {
            Batch known = colours(5, false);
            float[] none = new float[IMAGES * OUTPUTS];
            Arrays.fill(none, NONE);
            float[] before = trainer.network().parameter("classifier.bias");
            StepResult r =
                    trainer.step(Batch.ofVectors(known.images(), none, IMAGES, SIZE, SIZE, 3));
            assertEquals(0, r.loss());
            assertEquals(0, r.gradientNorm());
            assertArrayEquals(before, trainer.network().parameter("classifier.bias"));
        }
    }

    @Test
    void whatDoesNotFitTheLossIsRefusedInOneLine() {
        Batch good = colours(1, true);
        try (Device device = open(false)) {
            try (Trainer labels = builder(device, LossFunction.binaryCrossEntropy()).open()) {
                refused("has 2 targets per image, the network has 3", labels, with(good, 2, 0));
                refused(
                        "target 0 of image 0 is 1.5; use 0 to 1, or NaN",
                        labels,
                        with(good, 3, 1.5f));
                refused(
                        "the batch has one class per image; give it targets",
                        labels,
                        new Batch(good.images(), new int[IMAGES], SIZE, SIZE, 3));
            }
            try (Trainer classes = builder(device, LossFunction.crossEntropy()).open()) {
                refused("the trainer's loss is for one class per image", classes, good);
            }
            try (Trainer shares =
                    builder(device, LossFunction.crossEntropy())
                            .targets(TargetKind.VECTOR)
                            .open()) {
                refused("is NaN; use 0 to 1", shares, with(good, 3, NONE));
            }
            try (Trainer numbers = builder(device, LossFunction.meanSquaredError()).open()) {
                refused(
                        "is Infinity; use a finite number",
                        numbers,
                        with(good, 3, Float.POSITIVE_INFINITY));
            }
            says(
                    "2 class weights are given, the network has 3 outputs",
                    () ->
                            builder(
                                            device,
                                            LossFunction.crossEntropy()
                                                    .withClassWeights(List.of(1.0, 2.0)))
                                    .open());
            says(
                    "positive weight 1 is -2.0: use a number above 0",
                    () ->
                            LossFunction.binaryCrossEntropy()
                                    .withPositiveWeights(List.of(1.0, -2.0)));
            says("delta = 0.0", () -> LossFunction.huber(0));
            says(
                    "there is none for numbers",
                    () -> builder(device, LossFunction.huber(1)).labelSmoothing(0.1).open());
            says(
                    "targets(CLASS) does not fit the loss",
                    () -> builder(device, LossFunction.huber(1)).targets(TargetKind.CLASS).open());
            says(
                    "classifies pixels",
                    () ->
                            Trainer.of(FcDenseNetSpec.preset("fc-densenet56").build(), device)
                                    .loss(LossFunction.binaryCrossEntropy())
                                    .open());
        }
        says("8 images have 3 targets", () -> with(good, 0, 0));
    }

    /** The images with other targets, all of one value; of 0 each, too few for all. */
    private static Batch with(Batch images, int each, float value) {
        float[] targets = new float[each == 0 ? 3 : IMAGES * each];
        Arrays.fill(targets, value);
        return Batch.ofVectors(images.images(), targets, IMAGES, SIZE, SIZE, 3);
    }

    private static void refused(String reason, Trainer trainer, Batch batch) {
        says(reason, () -> trainer.step(batch));
        says(reason, () -> trainer.evaluate(batch));
    }

    private static void says(String reason, Executable call) {
        String message = assertThrows(IllegalArgumentException.class, call).getMessage();
        assertTrue(message.contains(reason), message);
    }
}
