package org.densenet4j.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.EmulatedDevice;
import org.densenet4j.plan.BottleneckConvolutionMemory;
import org.densenet4j.plan.BottleneckLayerMemory;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.List;

/**
 * Whole networks whose dense layers run by the fused kernels, emulated, against the
 * double-precision reference.
 */
class FusedLayersStrategiesTest {
    private static final DeviceOptions HALVES =
            DeviceOptions.defaults().withPrecision(DataType.BFLOAT16);

    private static final DeviceOptions ROUNDING = DeviceOptions.defaults().withTensorFloat32(true);

    private static DenseNetSpec.Builder spec(int growthRate) {
        return DenseNetSpec.builder()
                .growthRate(growthRate)
                .layersPerBlock(3, 2)
                .initialChannels(2 * growthRate)
                .bottleneckWidth(4)
                .compression(0.5)
                .classes(5)
                .inputSize(9, 14);
    }

    private static List<BottleneckLayerMemory> layers(MemoryPlan plan) {
        return plan.memory().nodes().stream()
                .filter(BottleneckLayerMemory.class::isInstance)
                .map(BottleneckLayerMemory.class::cast)
                .toList();
    }

    private static void check(
            DenseNetSpec spec, MemoryStrategy strategy, Mode mode, Device device, double dropout) {
        RandomCase c = RandomCase.of(spec, 3, 45).withoutKinks();
        MemoryPlan plan = StrategiesTest.withInputGradient(c, strategy, device);
        StrategiesTest.check(c, plan, mode, device, dropout);
        assertEquals(strategy == MemoryStrategy.NAIVE ? 0 : 5, layers(plan).size());
        for (BottleneckLayerMemory layer : layers(plan)) {
            assertTrue(layer.convolution() instanceof BottleneckConvolutionMemory.Appended);
            assertEquals(1, layer.rows().count(3));
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyIsCloseToTheReferenceInBFloat16(MemoryStrategy strategy) {
        try (Device device = new EmulatedDevice(HALVES)) {
            for (int growthRate : new int[] {4, 12, 32}) {
                check(spec(growthRate).build(), strategy, Mode.TRAIN, device, 0);
            }
            check(spec(12).build(), strategy, Mode.FROZEN, device, 0);
            check(spec(16).dropout(0.3).build(), strategy, Mode.TRAIN, device, 0.3);
        }
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyIsCloserToTheReferenceInTensorFloat32(MemoryStrategy strategy) {
        try (Device device = new EmulatedDevice(ROUNDING)) {
            check(spec(12).build(), strategy, Mode.TRAIN, device, 0);
            check(spec(16).dropout(0.3).build(), strategy, Mode.TRAIN, device, 0.3);
        }
    }

    /** DenseNet-161's growth in bf16 and DenseNet-121's in TF32: as wide as kernels get. */
    @Test
    void theWidestLayersAreCloseToTheReference() {
        try (Device device = new EmulatedDevice(HALVES)) {
            check(spec(48).build(), MemoryStrategy.SHARED, Mode.TRAIN, device, 0);
        }
        try (Device device = new EmulatedDevice(ROUNDING)) {
            check(spec(32).dropout(0.1).build(), MemoryStrategy.SHARED, Mode.TRAIN, device, 0.1);
        }
    }
}
