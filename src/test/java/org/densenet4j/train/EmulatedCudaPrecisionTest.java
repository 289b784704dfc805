package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;

/** Training on emulated CUDA kernels in bfloat16 beside training on the CPU in single precision. */
class EmulatedCudaPrecisionTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 8)
                    .classes(StripeImages.CLASSES)
                    .inputSize(StripeImages.SIZE)
                    .inputChannels(1)
                    .build();
    private static final int BATCH = 8;
    private static final int STEPS = 50;

    /** Steps whose losses are averaged. */
    private static final int WINDOW = 10;

    /**
     * Largest difference of averaged losses, as a share of the first of them. A third of it is what
     * the CPU's losses differ by.
     */
    private static final double LOSS_TOLERANCE = 0.06;

    @Test
    void lossesAreThoseOfSinglePrecision() {
        double[] floats;
        double[] halves;
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2))) {
            floats = losses(device, DataType.FLOAT32);
        }
        try (Device device = new EmulatedDevice(DeviceOptions.defaults())) {
            halves = losses(device, DataType.BFLOAT16);
        }
        double allowed = LOSS_TOLERANCE * floats[0];
        for (int window = 0; window < floats.length; window++) {
            assertEquals(floats[window], halves[window], allowed, "window " + window);
        }
        assertTrue(floats[floats.length - 1] < 0.85 * floats[0], "it learns: " + floats[0]);
    }

    /** The mean loss of every window of steps. */
    private static double[] losses(Device device, DataType precision) {
        double[] means = new double[STEPS / WINDOW];
        try (Trainer trainer =
                Trainer.of(SPEC, device)
                        .precision(precision)
                        .batch(BATCH)
                        .optimizer(Sgd.nesterov(0.05))
                        .seed(5)
                        .open()) {
            assertEquals(precision, trainer.plan().precision());
            for (int step = 0; step < STEPS; step++) {
                double loss = trainer.step(StripeImages.batch(BATCH, step)).loss();
                means[step / WINDOW] += loss / WINDOW;
            }
        }
        return means;
    }
}
