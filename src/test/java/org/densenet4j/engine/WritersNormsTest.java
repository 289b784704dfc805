package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.graph.Graph;
import org.densenet4j.plan.BandedConvolutionLayerMemory;
import org.densenet4j.plan.BottleneckConvolutionMemory;
import org.densenet4j.plan.BottleneckLayerMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.RandomScales;
import org.densenet4j.testing.Isas;
import org.densenet4j.testing.TinyCache;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Batch normalisations that belong to those who write columns: losses, all gradients and running
 * statistics against the reference in double precision.
 */
class WritersNormsTest {
    private static final int GRAPHS = 4;

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyGivesTheGradientsOfTheReference(MemoryStrategy strategy) {
        for (CpuIsa isa : Isas.ofFloats()) {
            DeviceOptions options = DeviceOptions.defaults().withThreads(2).withIsa(isa);
            try (Device device = Device.open("cpu", options)) {
                for (long seed = 1; seed <= GRAPHS; seed++) {
                    double dropout = seed % 3 == 0 ? 0.25 : 0;
                    Graph graph = RandomScales.of(seed, dropout);
                    RandomCase c = RandomCase.of(graph, 1 + (int) seed % 4, seed);
                    StrategiesTest.check(c, strategy, Mode.TRAIN, device, dropout);
                    StrategiesTest.check(c, strategy, Mode.FROZEN, device, dropout);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void theyDoSoInBFloat16(MemoryStrategy strategy) {
        DeviceOptions halves =
                DeviceOptions.defaults().withThreads(2).withPrecision(DataType.BFLOAT16);
        try (Device device = Device.open("cpu", halves)) {
            assumeTrue(device.supports(DataType.BFLOAT16), device.description());
            for (long seed = 1; seed <= GRAPHS; seed++) {
                RandomCase c =
                        RandomCase.of(RandomScales.withoutMaxima(seed), 2, seed).withoutKinks();
                StrategiesTest.check(c, strategy, Mode.TRAIN, device, 0);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void bandsOfRowsDo(MemoryStrategy strategy) {
        long banded = 0;
        try (Device device = Device.open("cpu", TinyCache.OPTIONS)) {
            for (long seed = 1; seed <= 4; seed++) {
                RandomCase c = RandomCase.of(RandomScales.ofHeight(32, seed, 0), 2, seed);
                MemoryPlan plan =
                        MemoryPlan.of(c.spec).strategy(strategy).batch(c.images).on(device);
                StrategiesTest.check(c, plan, Mode.TRAIN, device, 0);
                banded +=
                        plan.memory().nodes().stream()
                                .filter(
                                        m ->
                                                m instanceof BandedConvolutionLayerMemory
                                                        || m instanceof BottleneckLayerMemory b
                                                                && b.convolution()
                                                                        instanceof
                                                                        BottleneckConvolutionMemory
                                                                                .OfBands)
                                .count();
            }
        }
        assertTrue(banded > 0 || strategy == MemoryStrategy.NAIVE, "no bands");
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void emulatedCudaKernelsDo(MemoryStrategy strategy) {
        try (Device device = new EmulatedDevice(DeviceOptions.defaults())) {
            for (long seed = 1; seed <= 2; seed++) {
                double dropout = seed % 2 * 0.25;
                RandomCase c = RandomCase.of(RandomScales.of(seed, dropout), 2, seed);
                StrategiesTest.check(c, strategy, Mode.TRAIN, device, dropout);
            }
            RandomCase c = RandomCase.of(RandomScales.of(7, 0), 2, 7);
            StrategiesTest.check(c, strategy, Mode.FROZEN, device, 0);
        }
    }

    @Test
    void emulatedCudaKernelsDoInBFloat16() {
        DeviceOptions halves = DeviceOptions.defaults().withPrecision(DataType.BFLOAT16);
        try (Device device = new EmulatedDevice(halves)) {
            for (long seed = 1; seed <= 2; seed++) {
                RandomCase c =
                        RandomCase.of(RandomScales.withoutMaxima(seed), 2, seed).withoutKinks();
                StrategiesTest.check(c, MemoryStrategy.SHARED, Mode.TRAIN, device, 0);
            }
        }
    }
}
