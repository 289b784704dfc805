package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.plan.DepthwiseLayerMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.RandomMixers;
import org.densenet4j.testing.TinyCache;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Depthwise layers and convolutions of patches, against the reference in double precision. */
class MixerStrategiesTest {
    private static final int GRAPHS = 10;

    static RandomCase drawn(long seed) {
        return RandomCase.of(
                RandomMixers.of(seed, seed % 2 == 0 ? 0.7 : 1), 1 + (int) seed % 4, seed);
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void randomNetworksAgreeWithTheReference(MemoryStrategy strategy) {
        DeviceOptions options = DeviceOptions.defaults().withThreads(2);
        try (Device device = Device.open("cpu", options)) {
            for (long seed = 1; seed <= GRAPHS; seed++) {
                Mode mode = seed % 5 == 0 ? Mode.FROZEN : Mode.TRAIN;
                StrategiesTest.check(drawn(seed), strategy, mode, device, 0);
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
                StrategiesTest.check(drawn(seed).withoutKinks(), strategy, Mode.TRAIN, device, 0);
            }
        }
    }

    /** A cache so small that what lies between the convolutions is worked on in parts. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void partsOfChunksGiveWhatWholeChunksGive(MemoryStrategy strategy) {
        int inParts = 0;
        try (Device device = Device.open("cpu", TinyCache.OPTIONS)) {
            for (long seed = 1; seed <= 3; seed++) {
                RandomCase c = RandomCase.of(RandomMixers.ofHeight(40, seed, 1), 2, seed);
                MemoryPlan plan = StrategiesTest.withInputGradient(c, strategy, device);
                StrategiesTest.check(c, plan, Mode.TRAIN, device, 0);
                inParts +=
                        (int)
                                plan.memory().nodes().stream()
                                        .filter(
                                                m ->
                                                        m instanceof DepthwiseLayerMemory d
                                                                && d.rowsPerPart()
                                                                        < d.images().rowsPerChunk())
                                        .count();
            }
        }
        assertTrue(inParts > 0, "no layer works in parts");
    }
}
