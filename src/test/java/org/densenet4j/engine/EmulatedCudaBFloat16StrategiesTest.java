package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.RandomDetectors;
import org.densenet4j.reference.RandomGraph;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whole networks on emulated CUDA kernels with activations in bfloat16 against the double-precision
 * reference, within the CPU's tolerances.
 */
class EmulatedCudaBFloat16StrategiesTest {
    private static final DeviceOptions HALVES =
            DeviceOptions.defaults().withPrecision(DataType.BFLOAT16);

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyIsCloseToTheReferenceWhereNoReluFlips(MemoryStrategy strategy) {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .growthRate(4)
                        .layersPerBlock(2, 2)
                        .initialChannels(8)
                        .bottleneckWidth(4)
                        .compression(0.5)
                        .classes(5)
                        .inputSize(9, 14)
                        .build();
        try (Device device = new EmulatedDevice(HALVES)) {
            RandomCase wide = RandomCase.of(spec, 3, 45).withoutKinks();
            StrategiesTest.check(wide, strategy, Mode.TRAIN, device, 0);
            StrategiesTest.check(wide, strategy, Mode.FROZEN, device, 0);
            DenseNetSpec odd = spec.toBuilder().growthRate(5).dropout(0.3).build();
            RandomCase dropping = RandomCase.of(odd, 2, 47).withoutKinks();
            StrategiesTest.check(dropping, strategy, Mode.TRAIN, device, 0.3);
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyStaysNearTheReferenceWhereSomeFlip(MemoryStrategy strategy) {
        DenseNetSpec imageNet =
                DenseNetSpec.bc(16, 9)
                        .classes(5)
                        .stem(Stem.IMAGENET)
                        .layersPerBlock(2, 2)
                        .inputSize(37)
                        .build();
        try (Device device = new EmulatedDevice(HALVES)) {
            StrategiesTest.check(RandomCase.of(imageNet, 8, 73), strategy, Mode.TRAIN, device, 0);
        }
    }

    /** Every kind of node. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void randomGraphsAreCloseToTheReference(MemoryStrategy strategy) {
        try (Device device = new EmulatedDevice(HALVES)) {
            for (long seed = 1; seed <= 8; seed++) {
                RandomCase c = RandomCase.of(RandomGraph.of(seed, 0), 2, seed).withoutKinks();
                StrategiesTest.check(c, strategy, Mode.TRAIN, device, 0);
            }
            for (long seed = 2; seed <= 4; seed++) {
                RandomCase c = MixerStrategiesTest.drawn(seed).withoutKinks();
                StrategiesTest.check(c, strategy, Mode.TRAIN, device, 0);
                RandomCase d = RandomCase.of(RandomDetectors.withoutMaxima(seed), 2, seed);
                StrategiesTest.check(d.withoutKinks(), strategy, Mode.TRAIN, device, 0);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void bandsOfRowsGiveWhatWholeImagesGive(MemoryStrategy strategy) {
        try (Device tiny = new EmulatedDevice(HALVES.withChunkFactor(1e-9))) {
            RandomCase bottlenecks = GraphStrategiesTest.tallBottlenecks(24, 0.25).withoutKinks();
            StrategiesTest.check(bottlenecks, strategy, Mode.TRAIN, tiny, 0.25);
            RandomCase stem = GraphStrategiesTest.tallStem(64).withoutKinks();
            MemoryPlan plan = GraphStrategiesTest.withoutInputGradient(stem, strategy, tiny);
            StrategiesTest.check(stem, plan, Mode.TRAIN, tiny, 0);
            assertEquals(2, GraphStrategiesTest.bandedStemsAndTransitions(plan));
        }
    }
}
