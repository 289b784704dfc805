package org.densenet4j.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.plan.GradientBucket;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.Phase;
import org.densenet4j.profile.Wire.Algorithm;
import org.densenet4j.spec.DenseNetSpec;
import org.junit.jupiter.api.Test;

import java.util.List;

/** Simulated steps of many ranks, in cases that can be computed by hand. */
class RankSimulationTest {
    private static final double ROUNDING = 1e-9;

    private static MemoryPlan plan() {
        DenseNetSpec spec = DenseNetSpec.preset("bc-22-12").build();
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1))) {
            return MemoryPlan.of(spec).batch(2).on(device);
        }
    }

    /** Every operation takes a second, but the update takes none. */
    private static double[] oneSecondEach(MemoryPlan plan) {
        return plan.operations().stream()
                .mapToDouble(o -> o.phase() == Phase.UPDATE ? 0 : 1)
                .toArray();
    }

    @Test
    void aRingSendsManyMessagesAndHalvingFew() {
        Wire wire = new Wire(1e9, 1e-3);
        assertEquals(2e-3 + 1, wire.allReduceSeconds(1_000_000_000, 2, Algorithm.RING), ROUNDING);
        assertEquals(
                14e-3 + 1.75, wire.allReduceSeconds(1_000_000_000, 8, Algorithm.RING), ROUNDING);
        assertEquals(
                6e-3 + 1.75, wire.allReduceSeconds(1_000_000_000, 8, Algorithm.HALVING), ROUNDING);
        assertEquals(8e-3, wire.allReduceSeconds(0, 9, Algorithm.HALVING), ROUNDING);
        assertEquals(0, wire.allReduceSeconds(1_000_000_000, 1, Algorithm.RING), ROUNDING);
    }

    @Test
    void oneMessageIsWaitedForAsAWhole() {
        MemoryPlan plan = plan();
        RankSimulation simulation = new RankSimulation(plan, oneSecondEach(plan));
        double bytes = plan.memory().parameterGradients().bytes();
        RankSimulation.Step step =
                simulation.step(2, new Wire(bytes / 3, 0.5), Algorithm.RING, false);
        int operations = plan.operations().size() - 1;
        assertEquals(4, step.sumSeconds(), ROUNDING);
        assertEquals(operations + 4, step.stepSeconds(), ROUNDING);
        assertEquals(4, step.exposedSeconds(), ROUNDING);
        assertEquals(0, step.hiddenShare(), ROUNDING);
        assertEquals(operations / (operations + 4.0), step.efficiency(), ROUNDING);
    }

    @Test
    void ofBucketsThatArriveInTimeOnlyTheLastIsWaitedFor() {
        MemoryPlan plan = plan();
        RankSimulation simulation = new RankSimulation(plan, oneSecondEach(plan));
        List<GradientBucket> buckets = GradientBucket.of(plan);
        double bytes = plan.memory().parameterGradients().bytes();
        RankSimulation.Step step = simulation.step(2, new Wire(bytes, 0), Algorithm.HALVING, true);
        double last = buckets.getLast().bytes() / bytes;
        assertEquals(1, step.sumSeconds(), ROUNDING);
        assertEquals(last, step.exposedSeconds(), ROUNDING);
        assertEquals(1 - last, step.hiddenShare(), ROUNDING);
        assertEquals(plan.operations().size() - 1 + last, step.stepSeconds(), ROUNDING);
    }

    @Test
    void bucketsThatDoNotArriveInTimeGoOneAfterTheOther() {
        MemoryPlan plan = plan();
        RankSimulation simulation = new RankSimulation(plan, oneSecondEach(plan));
        double bytes = plan.memory().parameterGradients().bytes();
        int first = GradientBucket.of(plan).getFirst().operation();
        RankSimulation.Step step =
                simulation.step(2, new Wire(bytes / 1e6, 0), Algorithm.HALVING, true);
        assertEquals(first + 1 + 1e6, step.stepSeconds(), 1e-6 * 1e6);
    }

    @Test
    void oneRankWaitsForNothing() {
        MemoryPlan plan = plan();
        RankSimulation simulation = new RankSimulation(plan, oneSecondEach(plan));
        RankSimulation.Step step = simulation.step(1, new Wire(1, 9), Algorithm.RING, true);
        assertEquals(1, step.efficiency(), ROUNDING);
        assertEquals(1, step.hiddenShare(), ROUNDING);
    }

    @Test
    void aDeviceThatIsNotHereTakesWhatItsRatesSay() {
        MemoryPlan plan = plan();
        List<OperationCost> costs = OperationCost.of(plan);
        double bytes = costs.stream().mapToLong(OperationCost::bytes).sum();
        double flops = costs.stream().mapToLong(OperationCost::flops).sum();
        assertEquals(bytes, RankSimulation.of(plan, 1, 1e30).aloneSeconds(), 1e-6 * bytes);
        assertEquals(flops, RankSimulation.of(plan, 1e30, 1).aloneSeconds(), 1e-6 * flops);
        assertTrue(RankSimulation.of(plan, 1, 1).aloneSeconds() > Math.max(bytes, flops));
        assertThrows(IllegalArgumentException.class, () -> RankSimulation.of(plan, 0, 1));
    }
}
