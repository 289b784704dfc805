package org.densenet4j.engine;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FamilySpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.spec.ResNetSpec.Shortcut;
import org.densenet4j.spec.ResNetSpec.Unit;
import org.densenet4j.spec.Stem;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.List;

/** A small network of every family, as its spec makes it, against the reference. */
class FamilyStrategiesTest {
    private static final double DROPOUT = 0.25;

    private static final List<FamilySpec> SPECS =
            List.of(
                    FcDenseNetSpec.builder()
                            .growthRate(3)
                            .downLayers(1, 2)
                            .bottleneckLayers(2)
                            .upLayers(2, 1)
                            .initialChannels(5)
                            .classes(4)
                            .dropout(DROPOUT)
                            .inputSize(9, 6)
                            .build(),
                    resNet(Unit.BASIC).build(),
                    resNet(Unit.BASIC).preActivation(true).build(),
                    resNet(Unit.BOTTLENECK).shortcut(Shortcut.PROJECTED).build(),
                    resNet(Unit.BOTTLENECK)
                            .shortcut(Shortcut.PROJECTED)
                            .preActivation(true)
                            .build(),
                    resNet(Unit.BASIC).stem(Stem.IMAGENET).inputSize(25, 18).build(),
                    denseNet(Stem.DEEP),
                    denseNet(Stem.DEEP_BLUR));

    private static ResNetSpec.Builder resNet(Unit unit) {
        return ResNetSpec.builder()
                .unit(unit)
                .unitsPerStage(1, 2)
                .initialChannels(5)
                .classes(3)
                .inputSize(7, 8);
    }

    private static DenseNetSpec denseNet(Stem stem) {
        return DenseNetSpec.builder()
                .stem(stem)
                .growthRate(4)
                .layersPerBlock(1, 2)
                .initialChannels(6)
                .inputSize(15, 10)
                .build();
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void everyStrategyTrainsThem(MemoryStrategy strategy) {
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2))) {
            long seed = 1;
            for (FamilySpec spec : SPECS) {
                double dropout = spec.graph().drops() ? DROPOUT : 0;
                RandomCase c = RandomCase.of(spec, 2, seed);
                StrategiesTest.check(c, strategy, Mode.TRAIN, device, dropout);
                StrategiesTest.check(c, strategy, Mode.FROZEN, device, dropout);
                seed++;
            }
        }
    }
}
