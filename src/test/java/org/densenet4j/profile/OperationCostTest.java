package org.densenet4j.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.Stem;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.List;

/** Bytes that operations move, against a count of tensors by their names. */
class OperationCostTest {
    private static final int BATCH = 3;

    /** Whether a tensor belongs to an operation. */
    private static boolean belongs(String tensor, String operation) {
        return switch (operation) {
            case "stem" -> tensor.startsWith("features.conv0") || tensor.contains("norm0");
            case "head" -> tensor.startsWith("classifier") || tensor.contains("norm5");
            default ->
                    operation.startsWith("transition")
                            ? tensor.startsWith("features." + operation + ".")
                            : tensor.startsWith(
                                    "features."
                                            + operation
                                                    .replace("block", "denseblock")
                                                    .replace(".layer", ".denselayer")
                                            + ".");
        };
    }

    /** Weights of 1x1 convolutions are read from a copy in the activations' type. */
    private static boolean isRounded(ParameterSpec p) {
        List<Integer> shape = p.shape();
        return shape.size() == 4 && shape.get(2) == 1;
    }

    @ParameterizedTest
    @CsvSource({
        "NAIVE, SMALL, 4", "SHARED, SMALL, 4", "RECOMPUTE, SMALL, 4",
        "NAIVE, IMAGENET, 4", "SHARED, IMAGENET, 4", "RECOMPUTE, IMAGENET, 4",
        "NAIVE, SMALL, 0", "SHARED, SMALL, 0"
    })
    void onlyActivationsHalveInBFloat16(MemoryStrategy strategy, Stem stem, int bottleneck) {
        DenseNetSpec spec =
                DenseNetSpec.builder()
                        .layersPerBlock(2, 3)
                        .growthRate(4)
                        .bottleneckWidth(bottleneck)
                        .stem(stem)
                        .inputSize(32)
                        .build();
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(2))) {
            assumeTrue(device.supports(DataType.BFLOAT16));
            MemoryPlan.Builder wanted = MemoryPlan.of(spec).strategy(strategy).batch(BATCH);
            MemoryPlan plan = wanted.precision(DataType.FLOAT32).on(device);
            List<OperationCost> floats = OperationCost.of(plan);
            List<OperationCost> halves =
                    OperationCost.of(wanted.precision(DataType.BFLOAT16).on(device));
            long updated = 0;
            for (Operation o : plan.operations()) {
                long float32 = 0; // bytes that stay as they are
                for (ParameterSpec p : plan.memory().graph().parameters()) {
                    if (belongs(p.name(), o.name())) {
                        float32 += isRounded(p) ? 0 : 4 * p.count();
                        float32 += o.phase() == Phase.BACKWARD ? 8 * p.count() : 0;
                    }
                }
                long bytes = floats.get(o.index()).bytes();
                if (o.name().equals("loss")) {
                    assertEquals(2L * BATCH * spec.classes() * 4, bytes);
                    float32 = bytes;
                } else if (o.name().equals("optimiser")) {
                    assertEquals(5L * 4 * plan.memory().parameterLayout().length(), bytes);
                    float32 = bytes;
                    updated++;
                } else {
                    assertTrue(float32 > 0, o.name());
                }
                assertEquals(
                        bytes - (bytes - float32) / 2,
                        halves.get(o.index()).bytes(),
                        o.phase() + " " + o.name());
            }
            assertEquals(1, updated);
        }
    }
}
