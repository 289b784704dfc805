package org.densenet4j.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.Operation;
import org.densenet4j.plan.Phase;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.NetworkShape;
import org.densenet4j.spec.ParameterSpec;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.List;

/** Bytes of operations in both precisions, against the parameters counted by name. */
class OperationCostTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(16, 8).classes(7).inputSize(16, 16).build();

    /** Parameters of a stage, by the names of its tensors. */
    private static long parameters(String operation) {
        String prefix =
                switch (operation) {
                    case "stem" -> "features.conv0.";
                    case "head" -> "(features.norm5|classifier).";
                    default ->
                            operation.startsWith("transition")
                                    ? "features." + operation + "."
                                    : "features."
                                            + operation
                                                    .replace("block", "denseblock")
                                                    .replace(".layer", ".denselayer")
                                            + ".";
                };
        return NetworkShape.of(SPEC).parameters().stream()
                .filter(p -> p.name().matches(prefix.replace(".", "\\.") + ".*"))
                .mapToLong(ParameterSpec::count)
                .sum();
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void onlyActivationsAreHalfAsLargeInBFloat16(MemoryStrategy strategy) {
        try (Device device = Device.cpu()) {
            assumeTrue(device.supports(DataType.BFLOAT16));
            MemoryPlan.Builder request = MemoryPlan.of(SPEC).strategy(strategy).batch(4);
            MemoryPlan fp32 = request.precision(DataType.FLOAT32).on(device);
            List<OperationCost> wide = OperationCost.of(fp32);
            List<OperationCost> narrow =
                    OperationCost.of(request.precision(DataType.BFLOAT16).on(device));
            long all = NetworkShape.of(SPEC).parameterCount();
            for (int i = 0; i < wide.size(); i++) {
                Operation o = fp32.operations().get(i);
                long inFloat32 =
                        switch (o.name()) {
                            case "loss" -> 4L * 2 * 4 * 7;
                            case "optimiser" -> wide.get(i).bytes(); // with what aligns tensors
                            default ->
                                    4L
                                            * (o.phase() == Phase.FORWARD ? 1 : 3)
                                            * parameters(o.name());
                        };
                assertTrue(inFloat32 > 0, o.name());
                assertTrue(!o.name().equals("optimiser") || inFloat32 >= 4L * 5 * all);
                long activations = wide.get(i).bytes() - inFloat32;
                assertEquals(activations / 2 + inFloat32, narrow.get(i).bytes(), o.toString());
            }
        }
    }
}
