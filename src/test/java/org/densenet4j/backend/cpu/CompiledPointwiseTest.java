package org.densenet4j.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.asm.Processor;
import org.junit.jupiter.api.Test;

/** When pointwise convolutions are compiled; what they compute is in the backend's contract. */
class CompiledPointwiseTest {
    private static final int ROWS = 5;
    private static final int INPUTS = 4;
    private static final int OUTPUTS = 3;
    private static final PointwiseShape SHAPE =
            new PointwiseShape(ROWS, INPUTS, OUTPUTS, DataType.FLOAT32);

    private static Device open(boolean machineCode) {
        return Device.open(
                "cpu",
                DeviceOptions.defaults()
                        .withThreads(1)
                        .withIsa(machineCode ? CpuIsa.BEST : CpuIsa.NONE));
    }

    private static void assumeMachineCode() {
        assumeTrue(Processor.instructions().isPresent(), "no machine code");
    }

    /** Weights are packed for compiled kernels only. */
    private static boolean compiles(Device device, DataType type) {
        return device.memory(new PointwiseShape(ROWS, INPUTS, OUTPUTS, type)).packedWeights() > 0;
    }

    @Test
    void aProcessorWithAvx2RunsCompiledKernelsUnlessToldOtherwise() {
        assumeMachineCode();
        try (Device device = open(true)) {
            assertTrue(compiles(device, DataType.FLOAT32));
            assertTrue(compiles(device, DataType.BFLOAT16));
        }
        try (Device device = open(false)) {
            assertFalse(compiles(device, DataType.FLOAT32));
            assertFalse(compiles(device, DataType.BFLOAT16));
        }
    }

    @Test
    void aClosedConvolutionRefusesToRun() {
        assumeMachineCode();
        try (Device device = open(true);
                DeviceArena arena = device.allocate(1 << 20, 1 << 20, 0)) {
            CompiledPointwise convolution = (CompiledPointwise) arena.pointwise(SHAPE);
            Matrix scratch = Matrix.vector(1 << 16, 1 << 16);
            Matrix any = Matrix.dense(0, ROWS, OUTPUTS);
            Matrix x = Matrix.dense(0, ROWS, INPUTS);
            Matrix affine = Matrix.dense(1024, 3, INPUTS);
            Matrix correction = Matrix.dense(2048, 3, OUTPUTS);
            Matrix weight = Matrix.dense(3072, OUTPUTS, INPUTS);
            Matrix z = Matrix.dense(4096, ROWS, OUTPUTS);
            PointwiseGradient gradient =
                    new PointwiseGradient(
                            any,
                            any,
                            correction,
                            correction,
                            x,
                            affine,
                            affine,
                            affine,
                            weight,
                            weight,
                            x,
                            affine);
            Matrix packed = convolution.packForward(0, weight, Matrix.vector(8192, 64));
            convolution.forward(0, x, affine, packed, scratch, z);
            convolution.backward(0, gradient, scratch);
            convolution.close();
            convolution.close();
            // Code that is there, and code that would have to be made.
            assertThrows(
                    IllegalStateException.class,
                    () -> convolution.forward(0, x, affine, packed, scratch, z));
            assertThrows(
                    IllegalStateException.class, () -> convolution.backward(0, gradient, scratch));
            assertThrows(
                    IllegalStateException.class,
                    () ->
                            convolution.forward(
                                    0, x.rows(0, 2), affine, packed, scratch, z.rows(0, 2)));
        }
    }
}
