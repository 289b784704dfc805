package org.densenet4j.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.data.Batch;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The plan and the absence of leaks, by the driver's own account of free memory. */
class DeviceMemoryTest {
    private static final long MEGABYTE = 1L << 20;

    /**
     * The driver maps device memory in pages of two megabytes: one may be begun, and one may serve
     * small allocations of its own.
     */
    private static final long GRANULARITY = 4 * MEGABYTE;

    /**
     * What comes to stay when steps first run: code that cuDNN, cuBLAS and the driver load lazily
     * (CUDA_MODULE_LOADING is LAZY since CUDA 11.7), and the recorded graphs of this trainer. The
     * steps of the smaller batch before have loaded most of it. cuBLAS's handle, whose own
     * workspace is 32 MB on Hopper, is the device's and there before the first measurement.
     */
    private static final long LOADED_LATER = 192 * MEGABYTE;

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void theDriverLosesWhatThePlanSaid(MemoryStrategy strategy) {
        DeviceUnderTest.assumeCuda();
        DenseNetSpec spec = DenseNetSpec.preset("bc-100-12").build();
        try (Device device = DeviceUnderTest.open()) {
            steps(spec, strategy, device, 8, 3);
            long before = DeviceUnderTest.freeDeviceMemory();
            long peak;
            long opened;
            long stepped;
            try (Trainer trainer = open(spec, strategy, device, 64)) {
                peak = trainer.plan().peakBytes();
                assertEquals(peak, trainer.network().allocatedBytes());
                opened = before - DeviceUnderTest.freeDeviceMemory();
                Batch batch = DeviceUnderTest.batch(spec, 64, 1);
                for (int step = 0; step < 5; step++) {
                    trainer.step(batch);
                }
                stepped = before - DeviceUnderTest.freeDeviceMemory();
            }
            long kept = before - DeviceUnderTest.freeDeviceMemory();
            String line =
                    "%s predicted=%d opened=%d afterSteps=%d afterClose=%d"
                            .formatted(strategy, peak, opened, stepped, kept);
            System.out.println("memory " + line);
            assertTrue(Math.abs(opened - peak) <= GRANULARITY, line);
            assertTrue(stepped - peak <= LOADED_LATER, line);
            assertTrue(kept <= LOADED_LATER, line);
        }
    }

    @Test
    void aThousandStepsLeaveFreeMemoryAsItIs() {
        DeviceUnderTest.assumeCuda();
        DenseNetSpec spec = DenseNetSpec.preset("bc-22-12").inputSize(16).build();
        try (Device device = DeviceUnderTest.open();
                Trainer trainer = open(spec, MemoryStrategy.SHARED, device, 16)) {
            Batch batch = DeviceUnderTest.batch(spec, 16, 1);
            long warm = 0;
            for (int step = 1; step <= 1_000; step++) {
                trainer.step(batch);
                if (step == 100) {
                    warm = DeviceUnderTest.freeDeviceMemory();
                }
            }
            long growth = warm - DeviceUnderTest.freeDeviceMemory();
            System.out.println("memory steps=1000 growth=" + growth);
            assertTrue(growth <= GRANULARITY, "grew by " + growth + " bytes");
        }
    }

    @Test
    void openingAndClosingLeavesFreeMemoryAsItIs() {
        DeviceUnderTest.assumeCuda();
        DenseNetSpec spec = DenseNetSpec.preset("bc-22-12").inputSize(16).build();
        try (Device device = DeviceUnderTest.open()) {
            steps(spec, MemoryStrategy.SHARED, device, 16, 3);
            long before = DeviceUnderTest.freeDeviceMemory();
            for (int i = 0; i < 20; i++) {
                steps(spec, MemoryStrategy.SHARED, device, 16, 1);
            }
            long growth = before - DeviceUnderTest.freeDeviceMemory();
            System.out.println("memory openings=20 growth=" + growth);
            assertTrue(growth <= GRANULARITY, "grew by " + growth + " bytes");
        }
    }

    private static Trainer open(
            DenseNetSpec spec, MemoryStrategy strategy, Device device, int images) {
        return Trainer.of(spec, device)
                .strategy(strategy)
                .batch(images)
                .optimizer(Sgd.nesterov(0.001))
                .open();
    }

    private static void steps(
            DenseNetSpec spec, MemoryStrategy strategy, Device device, int images, int count) {
        try (Trainer trainer = open(spec, strategy, device, images)) {
            Batch batch = DeviceUnderTest.batch(spec, images, 1);
            for (int step = 0; step < count; step++) {
                trainer.step(batch);
            }
        }
    }
}
