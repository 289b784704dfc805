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
import org.densenet4j.plan.OptimiserState;
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

    private static OptimiserStep step(long seed, int update) {
        Decayed decayed = Decayed.values()[(int) (seed / 3 % 3)];
        return switch ((int) (seed % 4)) {
            case 0 -> new SgdStep(0.05f, 0.9f, 1, seed % 8 == 0, DECAY, true, 1);
            case 1 -> new RmspropStep(0.01f, 0.9f, 1e-3f, true, 0, false, DECAY, decayed, 1);
            case 2 -> new RmspropStep(0.01f, 0.8f, 1e-2f, false, 0, false, DECAY, decayed, 1);
            // Epsilon is large, so that what has no gradient but for rounding does not move.
            default ->
                    new AdamStep(
                            0.01f, 0.8, 0.9, 1e-2, false, seed % 8 < 4, DECAY, decayed, 1, update);
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
            case AdamStep a ->
                    reference.adam(
                            a.rate(),
                            a.beta1(),
                            a.beta2(),
                            a.epsilon(),
                            a.decoupled(),
                            a.weightDecay(),
                            a.decayed(),
                            a.update());
        }
    }

    private static void check(long seed, MemoryStrategy strategy, Device device) {
        RandomCase c =
                RandomCase.of(RandomGraph.of(seed, 0), 2 + (int) seed % 3, seed).withoutKinks();
        OptimiserStep first = step(seed, 1);
        String what = first + " under " + strategy + ", " + c;
        MemoryPlan plan =
                MemoryPlan.of(c.spec)
                        .strategy(strategy)
                        .batch(c.images)
                        .optimiserState(new OptimiserState(first.state(), false))
                        .on(device);
        ReferenceNetwork reference = c.reference();
        try (Network network = Network.open(plan, device, 0)) {
            c.load(network);
            for (int i = 0; i < STEPS; i++) {
                OptimiserStep step = step(seed, i + 1);
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
