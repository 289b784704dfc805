package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.List;

/** Calls in the wrong order, with the wrong arrays or too late: exceptions, never numbers. */
class CallOrderTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 4).classes(3).inputSize(8, 8).build();
    private static final float[] IMAGES = images();
    private static final int[] LABELS = {0, 1, 2, 0};
    private static final Pass PASS = new Pass(4, Mode.TRAIN, 1, 1);
    private static final Pass EVALUATION = new Pass(4, Mode.EVALUATE, 1, 1);

    private final Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2));
    private Network network;

    private static float[] images() {
        float[] images = new float[4 * 8 * 8 * 3];
        for (int i = 0; i < images.length; i++) {
            images[i] = (float) Math.sin(i * i);
        }
        return images;
    }

    @BeforeEach
    void opens() {
        network =
                Network.open(
                        MemoryPlan.of(SPEC).batch(5).inputGradient(true).on(device), device, 1);
    }

    @AfterEach
    void closes() {
        network.close();
        device.close();
    }

    private static void refuses(Class<? extends RuntimeException> type, String why, Executable e) {
        RuntimeException refused = assertThrows(type, e);
        assertTrue(refused.getMessage().contains(why), refused.toString());
    }

    private static void tooEarly(String why, Executable e) {
        refuses(IllegalStateException.class, why, e);
    }

    @Test
    void nothingIsComputedFromWhatIsNotThere() {
        tooEarly("input()", () -> network.forward(PASS));
        tooEarly("input()", () -> network.trainingPass(PASS, LABELS, 0, 4));
        tooEarly("input()", () -> network.evaluationPass(EVALUATION, LABELS, 4));
        tooEarly("forward()", () -> network.backward(PASS));
        tooEarly("forward()", () -> network.loss(PASS, LABELS, 0, 4));
        tooEarly("no forward pass", () -> network.logitsGradient(new float[12], 4));
        tooEarly("no logits", () -> network.logits(4));
        tooEarly("no losses", () -> network.outcome(PASS, 4));
        tooEarly("no gradients of the input", () -> network.inputGradient(4));
        network.input(IMAGES, 4);
        tooEarly("forward()", () -> network.backward(PASS));
        network.forward(PASS);
        tooEarly("no gradient yet", () -> network.backward(PASS));
        network.logitsGradient(new float[12], 4);
        network.backward(PASS);
        tooEarly("forward()", () -> network.backward(PASS));
        assertEquals(IMAGES.length, network.inputGradient(4).length);
    }

    @Test
    void aPassIsTheOneThatWasBegun() {
        network.input(IMAGES, 4);
        tooEarly("input() was given 4", () -> network.forward(new Pass(3, Mode.TRAIN, 1, 1)));
        network.forward(PASS);
        tooEarly("this one is", () -> network.loss(new Pass(4, Mode.TRAIN, 1, 2), LABELS, 0, 4));
        network.loss(PASS, LABELS, 0, 4);
        network.input(IMAGES, 4); // the backward pass would read these images
        tooEarly("forward()", () -> network.backward(PASS));
        network.forward(EVALUATION);
        network.loss(EVALUATION, LABELS, 0, 4);
        tooEarly("evaluation pass", () -> network.backward(EVALUATION));
        tooEarly("this one is", () -> network.backward(PASS));
        tooEarly("not of 5", () -> network.logits(5));
    }

    private void forwardAndLoss(Pass pass) {
        network.input(IMAGES, 4);
        network.forward(pass);
        network.loss(pass, LABELS, 0, 4);
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void aBackwardPassFindsTheParametersOfItsForwardPass(MemoryStrategy strategy) {
        MemoryPlan plan = MemoryPlan.of(SPEC).strategy(strategy).batch(4).on(device);
        network.close();
        network = Network.open(plan, device, 1);
        String name = "features.norm5.weight";
        float[] values = network.parameter(name);
        forwardAndLoss(PASS);
        network.parameter(name, values);
        tooEarly("the parameter " + name + " was set", () -> network.backward(PASS));
        network.forward(PASS);
        network.loss(PASS, LABELS, 0, 4);
        network.backward(PASS);
        forwardAndLoss(PASS);
        network.sgd(SgdStep.of(0.1));
        tooEarly("update() changed the parameters", () -> network.backward(PASS));
    }

    @Test
    void runningStatisticsAreConstantsOfAFrozenPassOnly() {
        String name = "features.norm5.running_var";
        float[] values = network.runningStatistic(name);
        Pass frozen = new Pass(4, Mode.FROZEN, 1, 1);
        network.keepRunningStatistics();
        forwardAndLoss(frozen);
        network.runningStatistic(name, values);
        tooEarly("the statistic " + name + " was set", () -> network.backward(frozen));
        forwardAndLoss(frozen);
        network.restoreRunningStatistics();
        tooEarly("running statistics were restored", () -> network.backward(frozen));
        network.zeroGradients();
        forwardAndLoss(PASS);
        network.backward(PASS);
        double norm = network.gradientNorm();
        network.zeroGradients();
        forwardAndLoss(PASS);
        network.restoreRunningStatistics();
        network.runningStatistic(name, values);
        network.backward(PASS);
        assertEquals(norm, network.gradientNorm(), 1e-4 * norm);
    }

    @Test
    void anOutcomeIsThatOfItsPass() {
        Pass two = new Pass(2, Mode.TRAIN, 1, 2);
        network.input(IMAGES, 4);
        network.trainingPass(PASS, LABELS, 0, 4);
        double norm = network.gradientNorm();
        assertEquals(Double.NaN, network.outcome(PASS, 4).gradientNorm());
        network.zeroGradients();
        network.trainingPass(PASS, LABELS, 0, 4);
        assertEquals(norm, network.outcome(PASS, 4).gradientNorm(), 1e-4 * norm);
        network.input(IMAGES, 2);
        network.forward(two);
        tooEarly("the last losses are of", () -> network.outcome(two, 2));
        assertTrue(network.outcome(PASS, 4).loss() > 0);
        network.loss(two, LABELS, 0, 2);
        tooEarly("the last losses are of", () -> network.outcome(PASS, 4));
        assertEquals(Double.NaN, network.outcome(two, 2).gradientNorm());
        for (int i = 0; i < 2; i++) {
            network.input(IMAGES, 4);
            network.forward(EVALUATION);
            tooEarly("losses", () -> network.outcome(EVALUATION, 4));
            network.evaluationPass(EVALUATION, LABELS, 4);
            assertEquals(Double.NaN, network.outcome(EVALUATION, 4).gradientNorm());
        }
    }

    @Test
    void anEvaluationPassIsOne() {
        String name = "features.norm5.running_var";
        float[] before = network.runningStatistic(name);
        network.input(IMAGES, 4);
        for (Mode mode : List.of(Mode.TRAIN, Mode.FROZEN)) {
            Pass pass = new Pass(4, mode, 1, 1);
            refuses(
                    IllegalArgumentException.class,
                    "of the mode EVALUATE",
                    () -> network.evaluationPass(pass, LABELS, 4));
        }
        assertArrayEquals(before, network.runningStatistic(name));
    }

    @Test
    void aRefusedPassLeavesTheOneThatWasBegun() {
        DenseNetSpec dropout = SPEC.toBuilder().dropout(0.5).build();
        try (Network drops = Network.open(MemoryPlan.of(dropout).batch(4).on(device), device, 1)) {
            double[] norms = new double[2];
            for (int i = 0; i < 2; i++) {
                drops.input(IMAGES, 4);
                drops.forward(PASS);
                drops.logitsGradient(new float[] {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0}, 4);
                if (i == 1) {
                    Pass other = new Pass(4, Mode.TRAIN, 1, 2);
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> drops.trainingPass(other, new int[] {0, 1, 2, 3}, 0, 4));
                }
                drops.zeroGradients();
                drops.backward(PASS);
                norms[i] = drops.gradientNorm();
            }
            assertEquals(norms[0], norms[1], 1e-4 * norms[0]);
        }
    }

    @Test
    void arraysAndNumbersThatDoNotFitAreNamed() {
        Class<IllegalArgumentException> wrong = IllegalArgumentException.class;
        refuses(wrong, "the array has 7", () -> network.input(new float[7], 4));
        refuses(wrong, "a batch of 6", () -> network.input(IMAGES, 6));
        network.input(IMAGES, 4);
        refuses(wrong, "labels: 3", () -> network.trainingPass(PASS, new int[3], 0, 4));
        int[] outside = {0, 1, 3, 0};
        refuses(wrong, "label 3 of image 2", () -> network.trainingPass(PASS, outside, 0, 4));
        refuses(wrong, "smoothing = NaN", () -> network.trainingPass(PASS, LABELS, Float.NaN, 4));
        refuses(wrong, "meanOver = 0", () -> network.evaluationPass(EVALUATION, LABELS, 0));
        network.forward(PASS);
        refuses(wrong, "gradient has 3 values", () -> network.logitsGradient(new float[3], 4));
        tooEarly("the gradient 3", () -> network.logitsGradient(new float[12], 3));
        refuses(wrong, "0 images", () -> network.logits(0));
        refuses(wrong, "rate = NaN", () -> SgdStep.of(Double.NaN));
        refuses(wrong, "rate = Infinity", () -> SgdStep.of(1e300));
        SgdStep step = SgdStep.of(0.1);
        refuses(wrong, "momentum = -", () -> step.withMomentum(-0.5, false));
        refuses(wrong, "weight decay = NaN", () -> step.withWeightDecay(Double.NaN, true));
        refuses(wrong, "scale = Infinity", () -> step.withGradientScale(1 / 0.0));
        refuses(wrong, "images = 0", () -> new Pass(0, Mode.TRAIN, 1, 1));
        refuses(wrong, "not 2", () -> network.parameter("classifier.bias", new float[2]));
        refuses(wrong, "no tensor named 'bias'", () -> network.parameter("bias"));
    }

    @Test
    void nothingWorksAfterClosing() {
        network.close();
        network.close();
        List<Executable> calls =
                List.of(
                        () -> network.input(IMAGES, 4),
                        () -> network.stage(IMAGES),
                        () -> network.forward(PASS),
                        () -> network.trainingPass(PASS, LABELS, 0, 4),
                        () -> network.evaluationPass(EVALUATION, LABELS, 4),
                        () -> network.outcome(PASS, 4),
                        () -> network.keepRunningStatistics(),
                        () -> network.restoreRunningStatistics(),
                        () -> network.zeroGradients(),
                        () -> network.loss(PASS, LABELS, 0, 4),
                        () -> network.logitsGradient(new float[12], 4),
                        () -> network.backward(PASS),
                        () -> network.logits(4),
                        () -> network.inputGradient(4),
                        () -> network.sgd(SgdStep.of(0.1)),
                        () -> network.gradientNorm(),
                        () -> network.firstNonFiniteGradient(),
                        () -> network.firstNonFiniteOutput(PASS),
                        () -> network.parameter("classifier.bias"),
                        () -> network.parameter("classifier.bias", new float[3]),
                        () -> network.gradient("classifier.bias"),
                        () -> network.velocity("classifier.bias"),
                        () -> network.runningStatistic("features.norm5.running_mean"));
        for (Executable call : calls) {
            tooEarly("the network is closed", call);
        }
        device.close();
        tooEarly("closed", () -> network.zeroGradients());
        tooEarly(
                "the device is closed",
                () -> Network.open(MemoryPlan.of(SPEC).batch(1).on(device), device, 1));
    }

    @Test
    void aPlanBelongsToItsDevice() {
        try (Device one = Device.open("cpu", DeviceOptions.defaults().withThreads(1))) {
            MemoryPlan plan = MemoryPlan.of(SPEC).batch(4).on(one);
            refuses(
                    IllegalArgumentException.class,
                    "made for another device",
                    () -> Network.open(plan, device, 1));
        }
    }
}
