package org.densenet4j.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.asm.Processor;
import org.junit.jupiter.api.Test;

import java.util.Arrays;

/** What convolutions in groups refuse; what they compute is in the backend's contract. */
class GroupedPointwiseTest {
    private static final PointwiseShape SHAPE =
            new PointwiseShape(5, 8, 4, DataType.FLOAT32).inGroups(2, 2);

    @Test
    void weightsForMoreInputsThanAGroupReadsAreRefused() {
        assumeTrue(Processor.instructions().isPresent(), "no machine code");
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
                DeviceArena arena = device.allocate(1 << 16, 1 << 16, 0)) {
            PointwiseConvolution convolution = arena.pointwise(SHAPE);
            float[] weights = new float[32];
            Matrix weight = Matrix.dense(0, 4, 8);
            Matrix packed = Matrix.vector(1024, 1024);
            weights[17] = 1; // inputs 1 and 4 of the second group
            weights[28] = 1;
            arena.upload(weights, 0, weight);
            convolution.packForward(0, weight, packed);
            weights[31] = 1;
            arena.upload(weights, 0, weight);
            String message =
                    assertThrows(
                                    IllegalArgumentException.class,
                                    () -> convolution.packForward(0, weight, packed))
                            .getMessage();
            assertEquals(
                    "group 1 of a 1x1 convolution of 5 x 8 to 4 in 2 groups of 2 inputs"
                            + " has weights for more inputs than that",
                    message);
            assertThrows(
                    UnsupportedOperationException.class,
                    () -> convolution.packBackward(0, weight, packed));
        }
    }

    @Test
    void groupsThatDoNotDivideAreRefused() {
        PointwiseShape whole = new PointwiseShape(5, 8, 4, DataType.FLOAT32);
        for (int[] wrong : new int[][] {{3, 2}, {0, 2}, {2, 0}, {2, 9}}) {
            assertThrows(
                    IllegalArgumentException.class,
                    () -> whole.inGroups(wrong[0], wrong[1]),
                    () -> Arrays.toString(wrong));
        }
    }
}
