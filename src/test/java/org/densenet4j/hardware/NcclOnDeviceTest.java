package org.densenet4j.hardware;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.cuda.OneRank;
import org.densenet4j.data.Batch;
import org.densenet4j.distributed.Communicator;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.SgdStep;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.GradientBucket;
import org.densenet4j.plan.MemoryPlan;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

/**
 * NCCL of one rank: its sums change nothing, so that steps that sum are those that do not, plainly
 * and inside a recording that is replayed.
 */
class NcclOnDeviceTest {
    private static final int STEPS = 6;

    @BeforeEach
    void needsAGpu() {
        DeviceUnderTest.assumeCuda();
    }

    @Test
    void oneRankThatSumsTakesTheStepsOfOneThatDoesNot() {
        List<float[]> expected;
        try (Device device = DeviceUnderTest.open()) {
            expected = parameters(device, Communicator.alone());
        }
        try (Device device = DeviceUnderTest.open()) {
            OneRank rank = new OneRank();
            rank.join(device);
            List<float[]> actual = parameters(device, rank);
            assertEquals(expected.size(), actual.size());
            for (int i = 0; i < expected.size(); i++) {
                assertArrayEquals(expected.get(i), actual.get(i));
            }
        }
    }

    @Test
    void aSumOutsideARecordingLeavesWhatIsThere() {
        try (Device device = DeviceUnderTest.open()) {
            OneRank rank = new OneRank();
            rank.join(device);
            MemoryPlan plan = MemoryPlan.of(TinyTraining.SPEC).batch(1).on(device);
            try (Network network = Network.open(plan, device, 3)) {
                String name = network.parameters().getFirst().name();
                float[] values = network.parameter(name);
                network.gradient(name, values);
                network.allReduceGradients(rank);
                assertArrayEquals(values, network.gradient(name));
            }
        }
    }

    private static List<float[]> parameters(Device device, Communicator ranks) {
        MemoryPlan plan = MemoryPlan.of(TinyTraining.SPEC).batch(TinyTraining.IMAGES).on(device);
        assertEquals(3, GradientBucket.of(plan).size(), "the sums are cut");
        try (Network network = Network.open(plan, device, 3)) {
            for (int step = 0; step < STEPS; step++) {
                Batch batch = TinyTraining.batch(step);
                Pass pass = new Pass(TinyTraining.IMAGES, Mode.TRAIN, 1, step);
                network.zeroGradients();
                network.input(batch.images(), TinyTraining.IMAGES);
                network.trainingPass(pass, batch.labels(), 0, TinyTraining.IMAGES, ranks);
                network.outcome(pass, TinyTraining.IMAGES);
                network.update(SgdStep.of(0.1).withMomentum(0.9, true));
            }
            boolean plain =
                    "false".equals(System.getProperty("densenet4j.graphs"))
                            || Boolean.getBoolean("densenet4j.synchronous");
            assertEquals(plain ? "plain" : "replayed", network.recording());
            List<float[]> all = new ArrayList<>();
            for (ParameterSpec p : network.parameters()) {
                all.add(network.parameter(p.name()));
            }
            return all;
        }
    }
}
