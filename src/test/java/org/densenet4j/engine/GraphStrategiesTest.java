package org.densenet4j.engine;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.reference.RandomCase;
import org.densenet4j.reference.RandomGraph;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Networks that are no DenseNets: every kind of node, against the reference in double precision.
 */
class GraphStrategiesTest {
    private static final int GRAPHS = 24;

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void randomGraphsAgreeWithTheReference(MemoryStrategy strategy) {
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2))) {
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
