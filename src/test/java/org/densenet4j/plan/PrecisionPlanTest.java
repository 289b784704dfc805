package org.densenet4j.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cuda.PlannedH100;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.Features;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What storage in bfloat16 does to a plan. */
class PrecisionPlanTest {
    private static final DenseNetSpec SPEC = DenseNetSpec.bc(40, 12).build();
    private static final int BATCH = 16;

    private static Device open() {
        Device device = Device.open("cpu", new DeviceOptions(2, false, true));
        if (!device.supports(DataType.BFLOAT16)) {
            device.close();
        }
        assumeTrue(device.supports(DataType.BFLOAT16), () -> "no bf16 on " + device.description());
        return device;
    }

    private static MemoryPlan plan(Device device, MemoryStrategy strategy, DataType precision) {
        return MemoryPlan.of(SPEC).strategy(strategy).batch(BATCH).precision(precision).on(device);
    }

    private static Map<String, Buffer> buffers(MemoryPlan plan) {
        return plan.buffers().stream().collect(Collectors.toMap(Buffer::name, Function.identity()));
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void activationsTakeHalfAndEverythingElseTheSame(MemoryStrategy strategy) {
        try (Device device = open()) {
            MemoryPlan plan = plan(device, strategy, DataType.FLOAT32);
            Map<String, Buffer> floats = buffers(plan);
            Map<String, Buffer> halves = buffers(plan(device, strategy, DataType.BFLOAT16));
            int matrices = 0;
            for (Buffer buffer : floats.values()) {
                if (buffer.category() == Category.SCRATCH || isAligned(buffer.name())) {
                    continue;
                }
                boolean activations = isActivations(buffer.name());
                long expected = activations ? aligned(buffer.bytes() / 2) : buffer.bytes();
                assertEquals(expected, halves.get(buffer.name()).bytes(), buffer.name());
                matrices += activations ? 1 : 0;
            }
            assertTrue(matrices > 18, matrices + " matrices are halved");
            for (Features block : plan.memory().graph().features()) {
                for (String name : new String[] {".features", ".gradient"}) {
                    String whole = block.name() + name;
                    assertEquals(
                            rows(plan, block, DataType.FLOAT32), floats.get(whole).bytes(), whole);
                    assertEquals(
                            rows(plan, block, DataType.BFLOAT16), halves.get(whole).bytes(), whole);
                }
            }
            long rounded = halves.get("parameters.rounded").bytes();
            assertEquals(aligned(floats.get("parameters").bytes() / 2), rounded);
        }
    }

    /** Rows of a block's matrices are padded to whole cache lines, in either type. */
    private static long rows(MemoryPlan plan, Features block, DataType type) {
        int rows = plan.batch() * block.pixels();
        return aligned(Matrix.aligned(0, rows, block.channels(), type).storedBytes());
    }

    private static boolean isAligned(String name) {
        return name.matches("block\\d+\\.(features|gradient)");
    }

    private static boolean isActivations(String name) {
        return name.equals("input")
                || !name.endsWith("statistics")
                        && name.matches(".*\\.(bottleneck|concatenation|normalised)(\\.\\w+)?");
    }

    private static long aligned(long bytes) {
        return Math.ceilDiv(bytes, Allocator.ALIGNMENT) * Allocator.ALIGNMENT;
    }

    @ParameterizedTest
    @EnumSource(MemoryStrategy.class)
    void whatIsPredictedIsAllocated(MemoryStrategy strategy) {
        try (Device device = open()) {
            for (DataType precision : DataType.values()) {
                MemoryPlan plan = plan(device, strategy, precision);
                assertEquals(precision, plan.precision());
                try (Network network = Network.open(plan, device, 1)) {
                    assertEquals(plan.peakBytes(), network.allocatedBytes());
                }
            }
        }
    }

    @Test
    void thePrecisionOfTheDeviceIsThatOfPlansThatAreToldNone() {
        try (Device floats = open();
                Device halves =
                        Device.open(
                                "cpu", DeviceOptions.defaults().withPrecision(DataType.BFLOAT16))) {
            MemoryPlan.Builder request = MemoryPlan.of(SPEC).batch(BATCH);
            assertEquals(DataType.FLOAT32, request.on(floats).precision());
            assertEquals(DataType.BFLOAT16, request.on(halves).precision());
            request.precision(DataType.FLOAT32);
            assertEquals(DataType.FLOAT32, request.on(halves).precision());
        }
    }

    @Test
    void aDeviceThatCannotIsNamedInOneLine() {
        try (Device device = new OnlyFloats()) {
            MemoryPlan.Builder training = MemoryPlan.of(SPEC).batch(1).precision(DataType.BFLOAT16);
            InferencePlan.Builder inference =
                    InferencePlan.of(SPEC).batch(1).precision(DataType.BFLOAT16);
            Trainer.Builder trainer =
                    Trainer.of(SPEC, device).batch(1).precision(DataType.BFLOAT16);
            for (PlanException e :
                    new PlanException[] {
                        assertThrows(PlanException.class, () -> training.on(device)),
                        assertThrows(PlanException.class, () -> inference.on(device)),
                        assertThrows(PlanException.class, trainer::open)
                    }) {
                assertTrue(e.getMessage().startsWith("bf16 is not for this device"), e::getMessage);
                assertTrue(e.getMessage().endsWith("use fp32"), e::getMessage);
                assertEquals(1, e.getMessage().lines().count());
            }
        }
    }

    /** As a CPU without vectors of 256 bits is. */
    private static final class OnlyFloats extends PlannedH100 {
        @Override
        public boolean supports(DataType type) {
            return type == DataType.FLOAT32;
        }
    }
}
