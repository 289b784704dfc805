package org.densenet4j.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.engine.Mode;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.io.ParityCase;
import org.densenet4j.parity.ParityCheck;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;

/** Who checks the checker: finite differences, and numbers from another framework. */
class ReferenceNetworkTest {
    private static final double STEP = 1e-8;

    @ParameterizedTest
    @CsvSource({
        "1, TRAIN",
        "2, TRAIN",
        "3, TRAIN",
        "4, TRAIN",
        "5, TRAIN",
        "6, TRAIN",
        "7, FROZEN",
        "8, FROZEN",
        "9, FROZEN",
        "10, FROZEN"
    })
    void everyGradientAgreesWithFiniteDifferences(long seed, Mode mode) {
        RandomCase c = RandomCase.random(seed);
        ReferenceNetwork.Dropout dropout =
                seed % 2 == 0
                        ? (draw, element) -> (element * 7 + draw) % 3 == 0 ? 0 : 1.5
                        : ReferenceNetwork.Dropout.NONE;
        ReferenceNetwork network = c.reference();
        double[] pixels = c.pixelsAsDoubles();
        network.forward(pixels, mode, dropout);
        network.loss(c.labels, 0.1);
        network.backward();
        double[] inputGradient = network.inputGradient().clone();
        Loss loss =
                () -> {
                    network.forward(pixels, mode, dropout);
                    return network.loss(c.labels, 0.1);
                };
        SplittableRandom random = new SplittableRandom(seed);
        for (ParameterSpec p : c.spec.graph().parameters()) {
            network.forward(pixels, mode, dropout);
            network.loss(c.labels, 0.1);
            network.backward();
            double[] analytic = network.gradient(p.name()).clone();
            double[] values = network.parameter(p.name());
            check(loss, values, analytic, random, p.name() + " of " + c);
        }
        check(loss, pixels, inputGradient, random, "input of " + c);
    }

    private interface Loss {
        double value();
    }

    /** Along a random direction through all values, and along single values. */
    private static void check(
            Loss loss, double[] values, double[] analytic, SplittableRandom random, String what) {
        double[] all = new double[values.length];
        for (int i = 0; i < all.length; i++) {
            all[i] = random.nextBoolean() ? 1 : -1;
        }
        checkAlong(all, loss, values, analytic, what);
        for (int probe = 0; probe < 3; probe++) {
            double[] one = new double[values.length];
            one[random.nextInt(values.length)] = 1;
            checkAlong(one, loss, values, analytic, what);
        }
    }

    private static void checkAlong(
            double[] direction, Loss loss, double[] values, double[] analytic, String what) {
        double[] start = values.clone();
        double expected = 0;
        for (int i = 0; i < values.length; i++) {
            expected += direction[i] * analytic[i];
            values[i] = start[i] + STEP * direction[i];
        }
        double above = loss.value();
        for (int i = 0; i < values.length; i++) {
            values[i] = start[i] - STEP * direction[i];
        }
        double below = loss.value();
        System.arraycopy(start, 0, values, 0, start.length);
        assertClose((above - below) / (2 * STEP), expected, what);
    }

    private static void assertClose(double expected, double actual, String what) {
        // The step is so short that none of the ReLUs changes sides; rounding costs 1e-8 of the
        // loss.
        double tolerance = 1e-6 + 1e-4 * Math.max(Math.abs(expected), Math.abs(actual));
        assertEquals(expected, actual, tolerance, what);
    }

    @Test
    void agreesWithAnotherFrameworkInDoublePrecision() throws IOException {
        Path file = Path.of("src/test/resources/golden/bc-k12-3x3x3.safetensors");
        try (ParityCase parity = ParityCase.open(file)) {
            NetworkSpec spec = ParityCheck.spec(parity);
            ReferenceNetwork network = new ReferenceNetwork(spec);
            loadWeights(network, spec, parity);
            double[] images = nhwc(parity.input().toDoubles(), spec);
            double[] eval = network.forward(images, Mode.EVALUATE, ReferenceNetwork.Dropout.NONE);
            assertNear(parity, "eval.logits", eval, 1e-12);
            double[] train = network.forward(images, Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
            assertNear(parity, "train.logits", train, 1e-10);
            assertEquals(
                    parity.tensor("train.loss").toDoubles()[0],
                    network.loss(parity.labels(), 0),
                    1e-10);
            network.backward();
            for (ParameterSpec p : spec.graph().parameters()) {
                if (parity.contains("train.grad." + p.name())) {
                    assertNear(parity, "train.grad." + p.name(), network.gradient(p.name()), 1e-7);
                }
            }
            for (ParameterSpec p : spec.graph().runningStatistics()) {
                assertNear(
                        parity,
                        "train.running." + p.name(),
                        network.runningStatistic(p.name()),
                        1e-7);
            }
            loadWeights(network, spec, parity);
            double[] losses = parity.tensor("sgd.losses").toDoubles();
            for (int step = 0; step < losses.length; step++) {
                network.forward(images, Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
                assertEquals(losses[step], network.loss(parity.labels(), 0), 1e-8);
                network.backward();
                network.sgd(0.1, 0.9, true, 1e-4);
            }
            for (ParameterSpec p : spec.graph().parameters()) {
                assertNear(parity, "sgd3." + p.name(), network.parameter(p.name()), 1e-6);
            }
        }
    }

    private static void loadWeights(ReferenceNetwork network, NetworkSpec spec, ParityCase parity) {
        for (ParameterSpec p : spec.graph().parameters()) {
            copy(parity.tensor("weights." + p.name()).toDoubles(), network.parameter(p.name()));
        }
        for (ParameterSpec p : spec.graph().runningStatistics()) {
            copy(
                    parity.tensor("weights." + p.name()).toDoubles(),
                    network.runningStatistic(p.name()));
        }
    }

    private static void copy(double[] from, double[] to) {
        System.arraycopy(from, 0, to, 0, to.length);
    }

    private static void assertNear(
            ParityCase parity, String name, double[] actual, double tolerance) {
        double[] expected = parity.tensor(name).toDoubles();
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow(expected[i] - actual[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        double error = Math.sqrt(difference / Math.max(norm, 1e-16));
        assertTrue(error <= tolerance, name + " differs by " + error);
    }

    private static double[] nhwc(double[] nchw, NetworkSpec spec) {
        int pixels = spec.inputHeight() * spec.inputWidth();
        double[] out = new double[nchw.length];
        for (int i = 0; i < nchw.length; i++) {
            int image = i / (3 * pixels);
            int channel = i / pixels % 3;
            out[(image * pixels + i % pixels) * 3 + channel] = nchw[i];
        }
        return out;
    }
}
