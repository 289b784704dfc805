package org.densenet4j.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.spec.FamilySpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.BitSet;
import java.util.List;

/** Which gradients are sent when. */
class GradientBucketTest {
    private static MemoryPlan plan(String network) {
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1))) {
            return MemoryPlan.of(FamilySpec.preset(network).build()).batch(2).on(device);
        }
    }

    private static int index(MemoryPlan plan, Matrix part) {
        Matrix all = plan.memory().parameterGradients();
        return Math.toIntExact((part.offset() - all.offset()) / Float.BYTES);
    }

    @ParameterizedTest
    @ValueSource(strings = {"bc-22-12", "densenet121", "resnet50", "fc-densenet56", "plain-40-12"})
    void everyGradientIsSentOnceAndOnlyWhenItsNodeHasFinishedIt(String network) {
        MemoryPlan plan = plan(network);
        NetworkMemory memory = plan.memory();
        Matrix all = memory.parameterGradients();
        BitSet sent = new BitSet(all.columns());
        int before = -1;
        for (GradientBucket bucket : GradientBucket.of(plan)) {
            assertTrue(bucket.operation() > before, "in the order of the backward pass");
            before = bucket.operation();
            for (Matrix part : bucket.parts()) {
                int from = index(plan, part);
                assertFalse(sent.get(from, from + part.columns()).length() > 0, "sent twice");
                sent.set(from, from + part.columns());
                for (Node node : memory.graph().nodes()) {
                    for (ParameterSpec p : node.parameters()) {
                        Matrix gradient = memory.parameterLayout().in(all, p.name());
                        int at = index(plan, gradient);
                        if (at < from + part.columns() && from < at + gradient.columns()) {
                            int finished = plan.schedule().backward(node);
                            assertTrue(finished <= bucket.operation(), p.name());
                        }
                    }
                }
            }
        }
        assertEquals(all.columns(), sent.cardinality());
    }

    @Test
    void mostOfDenseNet121IsUnderWayWhenHalfOfItsBackwardPassIsOver() {
        MemoryPlan plan = plan("densenet121");
        List<GradientBucket> buckets = GradientBucket.of(plan);
        assertEquals(3, buckets.size());
        double bytes = plan.memory().parameterGradients().bytes();
        assertEquals("transition3", name(plan, buckets.getFirst()));
        assertEquals(0.46, buckets.getFirst().bytes() / bytes, 0.01);
        assertEquals("block2.layer3", name(plan, buckets.get(1)));
        assertEquals(0.93, 1 - buckets.getLast().bytes() / bytes, 0.01);
        assertEquals(0.52, done(plan, buckets.get(1)), 0.02);
        assertEquals("stem", name(plan, buckets.getLast()));
    }

    private static String name(MemoryPlan plan, GradientBucket bucket) {
        return plan.operations().get(bucket.operation()).name();
    }

    /** How much of the backward pass's multiply-adds is over when a bucket is finished. */
    private static double done(MemoryPlan plan, GradientBucket bucket) {
        long all = 0;
        long before = 0;
        for (Node node : plan.memory().graph().nodes()) {
            all += node.multiplyAdds();
            before +=
                    plan.schedule().backward(node) <= bucket.operation() ? node.multiplyAdds() : 0;
        }
        return (double) before / all;
    }
}
