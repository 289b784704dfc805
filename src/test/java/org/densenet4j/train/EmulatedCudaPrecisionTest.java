package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;

/** Training on emulated CUDA kernels beside training on the CPU in single precision. */
class EmulatedCudaPrecisionTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 8)
                    .classes(StripeImages.CLASSES)
                    .inputSize(StripeImages.SIZE)
                    .inputChannels(1)
                    .build();
    private static final int BATCH = 8;
    private static final int STEPS = 50;
    private static final int ROUNDED_STEPS = 30;

    /** Steps whose losses are averaged. */
    private static final int WINDOW = 10;

    /**
     * Largest difference of averaged losses, as a share of the first of them. A third of it is what
     * the CPU's losses differ by.
     */
    private static final double LOSS_TOLERANCE = 0.06;

    /** TF32 rounds eight times as finely, but thirty steps make much of any difference. */
    private static final double ROUNDED_TOLERANCE = LOSS_TOLERANCE / 2;

    @Test
    void lossesInBFloat16AreThoseOfSinglePrecision() {
        double[] floats =
                assertLosses(LOSS_TOLERANCE, STEPS, DeviceOptions.defaults(), DataType.BFLOAT16);
        assertTrue(floats[floats.length - 1] < 0.85 * floats[0], "it learns: " + floats[0]);
    }

    @Test
    void lossesInTensorFloat32AreThoseOfSinglePrecision() {
        DeviceOptions rounding = DeviceOptions.defaults().withTensorFloat32(true);
        assertLosses(ROUNDED_TOLERANCE, ROUNDED_STEPS, rounding, DataType.FLOAT32);
    }

    /** Gives back the losses in single precision. */
    private static double[] assertLosses(
            double tolerance, int steps, DeviceOptions options, DataType precision) {
        double[] floats;
        double[] others;
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2))) {
            floats = losses(device, DataType.FLOAT32, steps);
        }
        try (Device device = new EmulatedDevice(options)) {
            others = losses(device, precision, steps);
        }
        double allowed = tolerance * floats[0];
        for (int window = 0; window < floats.length; window++) {
            assertEquals(floats[window], others[window], allowed, "window " + window);
        }
        return floats;
    }

    /** The mean loss of every window of steps. */
    private static double[] losses(Device device, DataType precision, int steps) {
        double[] means = new double[steps / WINDOW];
        try (Trainer trainer =
                Trainer.of(SPEC, device)
                        .precision(precision)
                        .batch(BATCH)
                        .optimizer(Sgd.nesterov(0.05))
                        .seed(5)
                        .open()) {
            assertEquals(precision, trainer.plan().precision());
            for (int step = 0; step < steps; step++) {
                double loss = trainer.step(StripeImages.batch(BATCH, step)).loss();
                means[step / WINDOW] += loss / WINDOW;
            }
        }
        return means;
    }
}
