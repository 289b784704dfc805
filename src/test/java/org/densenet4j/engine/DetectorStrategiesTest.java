package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.plan.BandedConvolutionLayerMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.RandomDetectors;
import org.densenet4j.testing.TinyCache;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** L2 normalisations and heads without weights, against the reference in double precision. */
class DetectorStrategiesTest {
    private static final int GRAPHS = 12;

    static RandomCase drawn(long seed) {
        return RandomCase.of(RandomDetectors.of(seed, dropout(seed)), 1 + (int) seed % 4, seed);
    }

    static double dropout(long seed) {
        return seed % 3 == 0 ? 0.25 : 0;
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void randomNetworksAgreeWithTheReference(MemoryStrategy strategy) {
        DeviceOptions options = DeviceOptions.defaults().withThreads(2);
        try (Device device = Device.open("cpu", options)) {
            for (long seed = 1; seed <= GRAPHS; seed++) {
                Mode mode = seed % 5 == 0 ? Mode.FROZEN : Mode.TRAIN;
                StrategiesTest.check(drawn(seed), strategy, mode, device, dropout(seed));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void theyDoInBFloat16(MemoryStrategy strategy) {
        DeviceOptions halves =
                DeviceOptions.defaults().withThreads(2).withPrecision(DataType.BFLOAT16);
        try (Device device = Device.open("cpu", halves)) {
            assumeTrue(device.supports(DataType.BFLOAT16), device.description());
            for (long seed = 1; seed <= GRAPHS; seed++) {
                RandomCase c = RandomCase.of(RandomDetectors.withoutMaxima(seed), 2, seed);
                StrategiesTest.check(c.withoutKinks(), strategy, Mode.TRAIN, device, 0);
            }
        }
    }

    /** A cache so small that convolutions work on bands of rows, but for NAIVE's behind a norm. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void bandsOfRowsGiveWhatWholeImagesGive(MemoryStrategy strategy) {
        int banded = 0;
        try (Device device = Device.open("cpu", TinyCache.OPTIONS)) {
            for (long seed = 1; seed <= 4; seed++) {
                RandomCase c = RandomCase.of(RandomDetectors.ofHeight(32, seed), 2, seed);
                MemoryPlan plan = StrategiesTest.withInputGradient(c, strategy, device);
                StrategiesTest.check(c, plan, Mode.TRAIN, device, 0);
                banded +=
                        (int)
                                plan.memory().nodes().stream()
                                        .filter(
                                                m ->
                                                        m instanceof BandedConvolutionLayerMemory b
                                                                && b.l2Norm().isPresent())
                                        .count();
            }
        }
        assertTrue(banded > 0 == (strategy != MemoryStrategy.NAIVE), banded + " in bands");
    }
}
