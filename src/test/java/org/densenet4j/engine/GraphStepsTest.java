package org.densenet4j.engine;

import static org.densenet4j.engine.StrategiesTest.distance;
import static org.densenet4j.engine.StrategiesTest.norm;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.engine.OptimiserStep.Decayed;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.RandomGraph;
import org.densenet4j.reference.ReferenceNetwork;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Three steps of each optimiser on random graphs, against the reference in double precision:
 * losses, parameters, and running statistics behind them.
 *
 * <p>Every ReLU lets everything through here. Close to zero, one that rounding puts on the other
 * side moves a gradient by as much as it likes, on one processor and not on the next, and three
 * steps carry that on; what a ReLU does to one gradient is {@link GraphStrategiesTest}'s.
 */
class GraphStepsTest {
    private static final int STEPS = 3;
    private static final double TOLERANCE = 1e-3;

    /** Where three steps take a loss down to nothing, the rounding of logits is left. */
    private static final double ZERO_LOSS = 1e-6;

    /** Rounding of a number that is stored as a float, relative. */
    private static final double ROUNDING = 0x1p-24;

    /** Part of the root mean square of all changes. */
    private static final double ZERO = 1e-4;

    private static final float DECAY = 0.02f;

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyOptimiserStepsAsTheReferenceDoes(MemoryStrategy strategy) {
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2))) {
            for (long seed = 1; seed <= 12; seed++) {
                check(seed, strategy, device);
            }
        }
    }

    @Test
    void theyDoOnEmulatedCudaKernels() {
        try (Device device = new EmulatedDevice(DeviceOptions.defaults())) {
            for (long seed = 13; seed <= 15; seed++) {
                check(seed, MemoryStrategy.SHARED, device);
            }
        }
    }

    private static OptimiserStep step(long seed) {
        Decayed decayed = Decayed.values()[(int) (seed / 3 % 3)];
        return switch ((int) (seed % 3)) {
            case 0 -> new SgdStep(0.05f, 0.9f, seed % 2 == 0, DECAY, true, 1);
            case 1 -> new RmspropStep(0.01f, 0.9f, 1e-3f, true, DECAY, decayed, 1);
            default -> new RmspropStep(0.01f, 0.8f, 1e-2f, false, DECAY, decayed, 1);
        };
    }

    private static void step(ReferenceNetwork reference, OptimiserStep step) {
        switch (step) {
            case SgdStep s -> reference.sgd(s.rate(), s.momentum(), s.nesterov(), s.weightDecay());
            case RmspropStep r ->
                    reference.rmsprop(
                            r.rate(),
                            r.rho(),
                            r.epsilon(),
                            r.epsilonInside(),
                            r.weightDecay(),
                            r.decayed());
        }
    }

    private static void check(long seed, MemoryStrategy strategy, Device device) {
        RandomCase c =
                RandomCase.of(RandomGraph.of(seed, 0), 2 + (int) seed % 3, seed).withoutKinks();
        OptimiserStep step = step(seed);
        String what = step + " under " + strategy + ", " + c;
        MemoryPlan plan = MemoryPlan.of(c.spec).strategy(strategy).batch(c.images).on(device);
        ReferenceNetwork reference = c.reference();
        try (Network network = Network.open(plan, device, 0)) {
            c.load(network);
            for (int i = 0; i < STEPS; i++) {
                Pass pass = new Pass(c.images, Mode.TRAIN, 0, i);
                network.zeroGradients();
                network.input(c.pixels, c.images);
                network.forward(pass);
                double loss = network.loss(pass, c.labels, 0, c.counted);
                network.backward(pass);
                network.update(step);
                reference.forward(c.pixelsAsDoubles(), Mode.TRAIN, ReferenceNetwork.Dropout.NONE);
                double expected = reference.loss(c.labels, 0);
                reference.backward();
                step(reference, step);
                assertEquals(expected, loss, TOLERANCE * expected + ZERO_LOSS, what);
            }
            double squares = 0;
            double count = 0;
            for (ParameterSpec p : network.parameters()) {
                squares += Math.pow(distance(reference.parameter(p.name()), c.values(p.name())), 2);
                count += p.count();
            }
            double all = Math.sqrt(squares / count);
            for (ParameterSpec p : network.parameters()) {
                double[] theirs = reference.parameter(p.name());
                double change = distance(theirs, c.values(p.name()));
                // What only batch norms read has no gradient but for rounding, and does not move.
                double stored = STEPS * ROUNDING * norm(theirs);
                double floor = ZERO * all * Math.sqrt(p.count()) + stored;
                double error = distance(theirs, network.parameter(p.name()));
                assertTrue(
                        error <= TOLERANCE * change + floor,
                        () -> p.name() + " of " + what + ": " + error + " of " + change);
            }
            for (ParameterSpec p : network.runningStatistics()) {
                double[] theirs = reference.runningStatistic(p.name());
                double error = distance(theirs, network.runningStatistic(p.name()));
                assertTrue(error <= TOLERANCE * norm(theirs), p.name() + " of " + what);
            }
        }
    }
}
