package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.RandomGraph;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whole networks on emulated CUDA kernels against the double-precision reference. */
class EmulatedCudaStrategiesTest {
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyAgreesWithTheReferenceOnRandomNetworks(MemoryStrategy strategy) {
        try (Device device = new EmulatedDevice(DeviceOptions.defaults())) {
            for (long seed = 41; seed <= 44; seed++) {
                StrategiesTest.check(RandomCase.random(seed), strategy, Mode.TRAIN, device, 0);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void channelsThatFillSixteenBytesAreReadFourAtATime(MemoryStrategy strategy) {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .stem(Stem.IMAGENET)
                        .growthRate(4)
                        .layersPerBlock(2, 2)
                        .initialChannels(8)
                        .bottleneckWidth(4)
                        .compression(0.5)
                        .classes(5)
                        .inputSize(17, 22)
                        .build();
        try (Device device = new EmulatedDevice(DeviceOptions.defaults())) {
            StrategiesTest.check(RandomCase.of(spec, 3, 45), strategy, Mode.TRAIN, device, 0);
            StrategiesTest.check(RandomCase.of(spec, 2, 46), strategy, Mode.FROZEN, device, 0);
            DenseNetSpec dropping = spec.toBuilder().dropout(0.3).build();
            StrategiesTest.check(RandomCase.of(dropping, 3, 47), strategy, Mode.TRAIN, device, 0.3);
        }
    }

    /** Every kind of node, whole images and bands of rows. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void randomGraphsAgreeWithTheReference(MemoryStrategy strategy) {
        try (Device device = new EmulatedDevice(DeviceOptions.defaults());
                Device tiny = new EmulatedDevice(DeviceOptions.defaults().withChunkFactor(1e-9))) {
            for (long seed = 1; seed <= 8; seed++) {
                double dropout = seed % 3 == 0 ? 0.25 : 0;
                RandomCase c =
                        RandomCase.of(RandomGraph.of(seed, dropout), 1 + (int) seed % 3, seed);
                StrategiesTest.check(c, strategy, Mode.TRAIN, device, dropout);
                RandomCase tall = RandomCase.of(RandomGraph.ofHeight(16, seed, dropout), 2, seed);
                StrategiesTest.check(tall, strategy, Mode.TRAIN, tiny, dropout);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void depthwiseLayersAgreeWithTheReference(MemoryStrategy strategy) {
        try (Device device = new EmulatedDevice(DeviceOptions.defaults());
                Device tiny = new EmulatedDevice(DeviceOptions.defaults().withChunkFactor(1e-9))) {
            for (long seed = 2; seed <= 5; seed++) {
                RandomCase c = MixerStrategiesTest.drawn(seed);
                StrategiesTest.check(c, strategy, Mode.TRAIN, seed % 2 == 0 ? device : tiny, 0);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void l2NormsAndHeadsWithoutWeightsAgreeWithTheReference(MemoryStrategy strategy) {
        try (Device device = new EmulatedDevice(DeviceOptions.defaults());
                Device tiny = new EmulatedDevice(DeviceOptions.defaults().withChunkFactor(1e-9))) {
            for (long seed = 2; seed <= 5; seed++) {
                RandomCase c = DetectorStrategiesTest.drawn(seed);
                double dropout = DetectorStrategiesTest.dropout(seed);
                Device on = seed % 2 == 0 ? device : tiny;
                StrategiesTest.check(c, strategy, Mode.TRAIN, on, dropout);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void bandsOfBottleneckLayersGiveWhatWholeImagesGive(MemoryStrategy strategy) {
        try (Device tiny = new EmulatedDevice(DeviceOptions.defaults().withChunkFactor(1e-9))) {
            for (int height : new int[] {16, 24}) {
                RandomCase c = GraphStrategiesTest.tallBottlenecks(height, 0.25);
                StrategiesTest.check(c, strategy, Mode.TRAIN, tiny, 0.25);
                boolean naive = strategy == MemoryStrategy.NAIVE;
                assertEquals(
                        naive ? 0 : 3, GraphStrategiesTest.bandedBottlenecks(c, strategy, tiny));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void bandsOfStemsAndTransitionsGiveWhatWholeImagesGive(MemoryStrategy strategy) {
        try (Device tiny = new EmulatedDevice(DeviceOptions.defaults().withChunkFactor(1e-9))) {
            RandomCase strided = GraphStrategiesTest.tallResNets().getLast();
            StrategiesTest.check(strided, strategy, Mode.TRAIN, tiny, 0);
            for (int height : new int[] {63, 64}) {
                RandomCase c = GraphStrategiesTest.tallStem(height);
                MemoryPlan plan = GraphStrategiesTest.withoutInputGradient(c, strategy, tiny);
                StrategiesTest.check(c, plan, Mode.TRAIN, tiny, 0);
                assertEquals(2, GraphStrategiesTest.bandedStemsAndTransitions(plan));
            }
        }
    }
}
