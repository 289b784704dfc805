package org.densenet4j.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.io.ParityCase;
import org.densenet4j.parity.ParityCheck;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Path;

/** What a device learns: against the CPU over many steps, and against libtorch's numbers. */
class TrainingOnDeviceTest {
    private static final Path GOLDEN =
            Path.of("src/test/resources/golden/bc-k12-3x3x3.safetensors");
    private static final int STEPS = Integer.getInteger("densenet4j.training.steps", 50);

    @Test
    void recordedStepsTrainLikeTheCpu() {
        try (Device device = DeviceUnderTest.open();
                Trainer trainer = TinyTraining.open(device)) {
            Losses.assertClose(
                    TinyTraining.lossesOfTheCpu(STEPS),
                    TinyTraining.losses(trainer, STEPS),
                    TinyTraining.TOLERANCE);
            if (DeviceUnderTest.isCuda()) {
                assertEquals("replayed", trainer.network().recording());
            }
        }
    }

    @Test
    void recordedStepsInBFloat16TrainLikeTheCpuInSinglePrecision() {
        try (Device device = DeviceUnderTest.open()) {
            assumeTrue(device.supports(DataType.BFLOAT16), device.description());
            try (Trainer trainer = TinyTraining.open(device, DataType.BFLOAT16)) {
                Losses.assertClose(
                        TinyTraining.lossesOfTheCpu(STEPS),
                        TinyTraining.losses(trainer, STEPS),
                        TinyTraining.BFLOAT16_TOLERANCE);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyRecordedNumberAgrees(MemoryStrategy strategy) throws IOException {
        DeviceUnderTest.assumeCuda(); // The CPU has a test of its own, with more variants.
        try (ParityCase parity = ParityCase.open(GOLDEN);
                Device device = DeviceUnderTest.openDirect(true)) {
            for (ParityCheck.Group group : ParityCheck.run(parity, device, strategy)) {
                assertTrue(group.passed(), group.toString());
            }
        }
    }
}
