package org.densenet4j.hardware;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;

import java.util.ArrayList;
import java.util.List;

/** A network small enough for many steps on any device, and what the CPU makes of it. */
final class TinyTraining {
    static final DenseNetSpec SPEC = DenseNetSpec.preset("bc-10-4").inputSize(8).build();
    static final int IMAGES = 4;

    /**
     * Relative difference of losses between devices. With the small rate of {@link #open} rounding
     * does not grow; another batch changes the loss by more than a hundredth.
     */
    static final double TOLERANCE = 1e-4;

    /**
     * The same of losses with activations in bfloat16: those of single batches of four images, 3 %
     * off at most in fifty steps on the stand-in.
     */
    static final double BFLOAT16_TOLERANCE = 6e-2;

    private TinyTraining() {}

    static Trainer open(Device device) {
        return open(device, DataType.FLOAT32);
    }

    static Trainer open(Device device, DataType precision) {
        return Trainer.of(SPEC, device)
                .precision(precision)
                .batch(IMAGES)
                .optimizer(Sgd.nesterov(0.01))
                .seed(3)
                .open();
    }

    static Batch batch(long seed) {
        return DeviceUnderTest.batch(SPEC, IMAGES, seed);
    }

    /** Losses of steps on batches 1, 2, ... of a trainer. */
    static List<Double> losses(Trainer trainer, int steps) {
        List<Double> losses = new ArrayList<>();
        for (int step = 1; step <= steps; step++) {
            losses.add(trainer.step(batch(step)).loss());
        }
        return losses;
    }

    /** The same of a new trainer on the CPU. */
    static List<Double> lossesOfTheCpu(int steps) {
        try (Device cpu = Device.cpu();
                Trainer trainer = open(cpu)) {
            return losses(trainer, steps);
        }
    }
}
