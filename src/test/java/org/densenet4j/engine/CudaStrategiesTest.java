package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.CudaProvider;
import org.densenet4j.data.Batch;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Sgd;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.List;
import java.util.Optional;

/** Whole networks on a real GPU; skipped, with the reason, where there is none. */
class CudaStrategiesTest {
    private static Device open(DeviceOptions options) {
        Optional<String> problem = new CudaProvider().problem();
        Assumptions.assumeTrue(problem.isEmpty(), () -> "no GPU: " + problem.orElseThrow());
        return Device.open("cuda", options);
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyAgreesWithTheReferenceOnRandomNetworks(MemoryStrategy strategy) {
        try (Device device = open(DeviceOptions.defaults())) {
            for (long seed = 1; seed <= 12; seed++) {
                StrategiesTest.check(RandomCase.random(seed), strategy, Mode.TRAIN, device, 0);
            }
        }
    }

    /** By the fused kernels of dense layers, where the device has them. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyAgreesWithTheReferenceInBFloat16AndTensorFloat32(MemoryStrategy strategy) {
        DenseNetSpec spec = DenseNetSpec.bc(16, 12).classes(5).inputSize(10).build();
        for (DeviceOptions options :
                List.of(
                        DeviceOptions.defaults().withPrecision(DataType.BFLOAT16),
                        DeviceOptions.defaults().withTensorFloat32(true))) {
            try (Device device = open(options)) {
                RandomCase c = RandomCase.of(spec, 3, 45).withoutKinks();
                StrategiesTest.check(c, strategy, Mode.TRAIN, device, 0);
            }
        }
    }

    @Test
    void recordedStepsWithStagedBatchesAreBitIdenticalToPlainOnes() {
        float[] plain = train(false, false);
        assertArrayEquals(plain, train(true, false));
        assertArrayEquals(plain, train(true, true));
    }

    private static float[] train(boolean graphs, boolean staged) {
        DenseNetSpec spec = DenseNetSpec.bc(16, 12).classes(10).dropout(0.2).inputSize(16).build();
        RandomCase[] cases = {RandomCase.of(spec, 8, 1), RandomCase.of(spec, 8, 2)};
        DeviceOptions options = DeviceOptions.defaults().withDeterministic(true).withGraphs(graphs);
        try (Device device = open(options);
                Trainer trainer =
                        Trainer.of(spec, device)
                                .batch(8)
                                .optimizer(Sgd.nesterov(0.05))
                                .seed(7)
                                .open()) {
            long free = device.availableBytes();
            Batch[] batches = {batch(cases[0]), batch(cases[1])};
            for (int step = 0; step < 8; step++) {
                trainer.step(batches[step % 2], staged ? batches[(step + 1) % 2] : null);
            }
            assertTrue(free - device.availableBytes() < (64L << 20), "a step allocates");
            return trainer.network().parameter("features.conv0.weight");
        }
    }

    private static Batch batch(RandomCase c) {
        NetworkSpec s = c.spec;
        return new Batch(c.pixels, c.labels, s.inputHeight(), s.inputWidth(), s.inputChannels());
    }

    @ParameterizedTest
    @EnumSource(DataType.class)
    void whatThePlanSaysIsWhatTheDeviceGivesUp(DataType precision) {
        try (Device device = open(DeviceOptions.defaults().withPrecision(precision))) {
            MemoryPlan plan =
                    MemoryPlan.of(DenseNetSpec.bc(100, 12).classes(10).build())
                            .batch(64)
                            .precision(precision)
                            .on(device);
            long before = device.availableBytes();
            try (Network network = Network.open(plan, device, 1)) {
                long taken = before - device.availableBytes();
                // Handles and rounding to the driver's pages come on top of the arena.
                assertTrue(taken >= plan.peakBytes(), taken + " < " + plan.peakBytes());
                assertTrue(
                        taken < plan.peakBytes() + (128L << 20),
                        taken + " for " + plan.peakBytes());
            }
        }
    }
}
