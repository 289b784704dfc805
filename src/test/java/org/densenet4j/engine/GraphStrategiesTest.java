package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.plan.BandedConvolutionLayerMemory;
import org.densenet4j.plan.BandedPooledConvolutionMemory;
import org.densenet4j.plan.BandedTransitionUpMemory;
import org.densenet4j.plan.BottleneckConvolutionMemory;
import org.densenet4j.plan.BottleneckLayerMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.NodeMemory;
import org.densenet4j.plan.TransitionDownMemory;
import org.densenet4j.plan.TransitionMemory;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.RandomGraph;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.spec.Stem;
import org.densenet4j.testing.Isas;
import org.densenet4j.testing.TinyCache;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.List;

/**
 * Networks that are no DenseNets: every kind of node, against the reference in double precision.
 */
class GraphStrategiesTest {
    private static final int GRAPHS = 16;

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void randomGraphsAgreeWithTheReference(MemoryStrategy strategy) {
        for (CpuIsa isa : Isas.ofFloats()) {
            DeviceOptions options = DeviceOptions.defaults().withThreads(2).withIsa(isa);
            try (Device device = Device.open("cpu", options)) {
                for (long seed = 1; seed <= GRAPHS; seed++) {
                    double dropout = seed % 3 == 0 ? 0.25 : 0;
                    RandomCase c =
                            RandomCase.of(RandomGraph.of(seed, dropout), 1 + (int) seed % 4, seed);
                    Mode mode = seed % 5 == 0 ? Mode.FROZEN : Mode.TRAIN;
                    StrategiesTest.check(c, strategy, mode, device, dropout);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void theyDoInBFloat16(MemoryStrategy strategy) {
        DeviceOptions halves =
                DeviceOptions.defaults().withThreads(2).withPrecision(DataType.BFLOAT16);
        for (CpuIsa isa : Isas.ofHalves()) {
            try (Device device = Device.open("cpu", halves.withIsa(isa))) {
                assumeTrue(device.supports(DataType.BFLOAT16), device.description());
                for (long seed = 1; seed <= GRAPHS; seed++) {
                    RandomCase c = RandomCase.of(RandomGraph.of(seed, 0), 2, seed).withoutKinks();
                    StrategiesTest.check(c, strategy, Mode.TRAIN, device, 0);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void bandsOfRowsGiveWhatWholeImagesGive(MemoryStrategy strategy) {
        int banded = 0;
        try (Device device = Device.open("cpu", TinyCache.OPTIONS)) {
            for (long seed = 1; seed <= GRAPHS; seed++) {
                double dropout = seed % 3 == 0 ? 0.25 : 0;
                int height = 16 * (1 + (int) seed % 3);
                RandomCase c =
                        RandomCase.of(
                                RandomGraph.ofHeight(height, seed, dropout),
                                1 + (int) seed % 3,
                                seed);
                MemoryPlan plan =
                        MemoryPlan.of(c.spec)
                                .strategy(strategy)
                                .batch(c.images)
                                .inputGradient(seed % 2 == 1)
                                .on(device);
                StrategiesTest.check(c, plan, Mode.TRAIN, device, dropout);
                banded += banded(plan);
            }
        }
        assertTrue(banded >= GRAPHS, banded + " nodes work in bands");
    }

    /** Bottleneck layers, whose 1x1 half works on any rows and whose 3x3 half on bands. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void bandsOfBottleneckLayersGiveWhatWholeImagesGive(MemoryStrategy strategy) {
        for (CpuIsa isa : Isas.ofFloats()) {
            DeviceOptions tiny = TinyCache.OPTIONS.withIsa(isa);
            try (Device device = Device.open("cpu", tiny)) {
                for (int height : new int[] {16, 24, 32}) {
                    double dropout = height == 24 ? 0.25 : 0;
                    RandomCase c = tallBottlenecks(height, dropout);
                    StrategiesTest.check(c, strategy, Mode.TRAIN, device, dropout);
                    StrategiesTest.check(c, strategy, Mode.FROZEN, device, dropout);
                    boolean naive = strategy == MemoryStrategy.NAIVE;
                    assertEquals(naive ? 0 : 3, bandedBottlenecks(c, strategy, device), c + "");
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void theyDoSoInBFloat16(MemoryStrategy strategy) {
        DeviceOptions tiny = TinyCache.OPTIONS.withPrecision(DataType.BFLOAT16);
        try (Device device = Device.open("cpu", tiny)) {
            assumeTrue(device.supports(DataType.BFLOAT16), device.description());
            RandomCase c = tallBottlenecks(24, 0.25).withoutKinks();
            StrategiesTest.check(c, strategy, Mode.TRAIN, device, 0.25);
        }
    }

    /** Stems that pool, and transitions. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void bandsOfStemsAndTransitionsGiveWhatWholeImagesGive(MemoryStrategy strategy) {
        for (CpuIsa isa : Isas.ofFloats()) {
            DeviceOptions tiny = TinyCache.OPTIONS.withIsa(isa);
            try (Device device = Device.open("cpu", tiny)) {
                for (int height : new int[] {63, 64, 96}) {
                    RandomCase c = tallStem(height);
                    MemoryPlan plan = withoutInputGradient(c, strategy, device);
                    StrategiesTest.check(c, plan, Mode.TRAIN, device, 0);
                    StrategiesTest.check(c, plan, Mode.FROZEN, device, 0);
                    assertEquals(2, bandedStemsAndTransitions(plan), c + "");
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void stemsAndTransitionsDoSoInBFloat16(MemoryStrategy strategy) {
        DeviceOptions tiny = TinyCache.OPTIONS.withPrecision(DataType.BFLOAT16);
        try (Device device = Device.open("cpu", tiny)) {
            assumeTrue(device.supports(DataType.BFLOAT16), device.description());
            RandomCase c = tallStem(64).withoutKinks();
            MemoryPlan plan = withoutInputGradient(c, strategy, device);
            StrategiesTest.check(c, plan, Mode.TRAIN, device, 0);
            assertEquals(2, bandedStemsAndTransitions(plan), c + "");
        }
    }

    /** ResNets halve their images by 3x3 and 1x1 convolutions with stride 2. */
    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void bandsOfStridedConvolutionsGiveWhatWholeImagesGive(MemoryStrategy strategy) {
        try (Device device = Device.open("cpu", TinyCache.OPTIONS)) {
            for (RandomCase c : tallResNets()) {
                MemoryPlan plan = StrategiesTest.withInputGradient(c, strategy, device);
                StrategiesTest.check(c, plan, Mode.TRAIN, device, 0);
                assertTrue(bandedStrides(plan) > 0, c + "");
            }
        }
    }

    static List<RandomCase> tallResNets() {
        return List.of(
                RandomCase.of(
                        ResNetSpec.cifarPreActivation(11).inputSize(32, 9).classes(3).build(),
                        2,
                        8),
                RandomCase.of(ResNetSpec.cifar(8).inputSize(48, 10).classes(3).build(), 2, 9));
    }

    static long bandedStrides(MemoryPlan plan) {
        return plan.memory().nodes().stream()
                .filter(
                        m ->
                                m instanceof BandedConvolutionLayerMemory c
                                        && c.node().window().stride() > 1)
                .count();
    }

    /** A DenseNet for large images that has a transition, a quarter as high as its images. */
    static RandomCase tallStem(int height) {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .stem(Stem.IMAGENET)
                        .growthRate(5)
                        .layersPerBlock(2, 1)
                        .bottleneckWidth(2)
                        .initialChannels(7)
                        .compression(0.5)
                        .classes(4)
                        .inputSize(height, 21)
                        .build();
        return RandomCase.of(spec, 3, height);
    }

    /** Neighbouring bands of a stem would add to the gradient of the same images. */
    static MemoryPlan withoutInputGradient(RandomCase c, MemoryStrategy strategy, Device device) {
        return MemoryPlan.of(c.spec).strategy(strategy).batch(c.images).on(device);
    }

    static long bandedStemsAndTransitions(MemoryPlan plan) {
        return plan.memory().nodes().stream()
                .filter(
                        m ->
                                m instanceof BandedPooledConvolutionMemory
                                        || m instanceof TransitionMemory t
                                                && t.chunks().imagesPerChunk() == 0)
                .count();
    }

    /** A DenseNet-BC of one block, which is as high as its images. */
    static RandomCase tallBottlenecks(int height, double dropout) {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .growthRate(7)
                        .layersPerBlock(3)
                        .bottleneckWidth(4)
                        .initialChannels(9)
                        .classes(4)
                        .inputSize(height, 11)
                        .dropout(dropout)
                        .build();
        return RandomCase.of(spec, 3, height);
    }

    /** Bottleneck layers of a plan whose 3x3 half works in bands of rows. */
    static long bandedBottlenecks(RandomCase c, MemoryStrategy strategy, Device device) {
        MemoryPlan plan = MemoryPlan.of(c.spec).strategy(strategy).batch(c.images).on(device);
        return plan.memory().nodes().stream()
                .filter(GraphStrategiesTest::isBandedBottleneck)
                .count();
    }

    private static boolean isBandedBottleneck(NodeMemory memory) {
        return memory instanceof BottleneckLayerMemory m
                && m.convolution() instanceof BottleneckConvolutionMemory.OfBands;
    }

    private static long banded(MemoryPlan plan) {
        return bandedStemsAndTransitions(plan)
                + plan.memory().nodes().stream()
                        .filter(
                                m ->
                                        isBandedBottleneck(m)
                                                || m instanceof BandedConvolutionLayerMemory
                                                || m instanceof BandedTransitionUpMemory
                                                || m instanceof TransitionDownMemory d
                                                        && d.chunks().imagesPerChunk() == 0)
                        .count();
    }
}
