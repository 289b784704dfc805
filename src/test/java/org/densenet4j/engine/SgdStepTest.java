package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.densenet4j.backend.Device;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Random;

class SgdStepTest {
    private static final double RATE = 0.1;
    private static final double DECAY = 0.01;
    private static final double SCALE = 0.5;
    private static final int STEPS = 3;

    /** Weights decay, and norms' where they are said to; nothing else differs between them. */
    @ParameterizedTest
    @CsvSource({"0, false, true", "0.9, false, false", "0.9, true, true", "0.7, true, false"})
    void everyFieldGoesWherePyTorchPutsIt(double momentum, boolean nesterov, boolean decayNorms) {
        DenseNetSpec spec = DenseNetSpec.preset("bc-22-12").classes(3).inputSize(16).build();
        SgdStep step =
                SgdStep.of(RATE)
                        .withMomentum(momentum, nesterov)
                        .withWeightDecay(DECAY, decayNorms)
                        .withGradientScale(SCALE);
        try (Device device = Device.cpu();
                Network network =
                        Network.open(MemoryPlan.of(spec).batch(2).on(device), device, 0)) {
            for (var p : network.parameters()) {
                boolean weight = p.shape().size() > 1;
                expect(network, p.name(), step, momentum, weight || decayNorms ? DECAY : 0);
            }
        }
    }

    private static void expect(
            Network network, String name, SgdStep step, double momentum, double decay) {
        float[] start = network.parameter(name);
        double p = start[0];
        double v = network.velocity(name)[0]; // zero, but for steps on the parameters before
        Random random = new Random(name.hashCode());
        for (int s = 0; s < STEPS; s++) {
            float[] gradient = new float[start.length];
            gradient[0] = (float) random.nextGaussian();
            network.gradient(name, gradient);
            network.sgd(step);
            double g = SCALE * gradient[0] + decay * p;
            v = momentum * v + g;
            p -= RATE * (step.nesterov() ? g + momentum * v : v);
        }
        assertEquals(p, network.parameter(name)[0], 1e-5 * (1 + Math.abs(p)), name);
    }
}
