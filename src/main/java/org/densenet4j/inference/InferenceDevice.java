package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.plan.InferenceMemory;

/** What every stage computes with: a device and the plan's arena on it. */
record InferenceDevice(Device device, DeviceArena arena, InferenceMemory memory) {
    Kernels kernels() {
        return arena.kernels();
    }

    /** {@code c = a·weightᵀ}. */
    void multiply(int lane, Matrix a, Matrix weight, Matrix c) {
        arena.multiply(lane, GemmShape.of(a, false, weight, true, c, false), a, weight, c);
    }

    void upload(float[] values, Matrix target) {
        arena.upload(values, 0, target);
    }

    /** Puts [N, K] weights where and how a pointwise convolution reads them. */
    Matrix pack(
            PointwiseConvolution convolution,
            PointwiseShape shape,
            float[] weights,
            Matrix packed) {
        boolean asTheyAre = device.memory(shape).packedWeights() == 0;
        Matrix plain =
                Matrix.dense(
                        (asTheyAre ? packed : memory.unpacked()).offset(),
                        shape.outputChannels(),
                        shape.inputChannels(),
                        shape.type());
        upload(weights, plain);
        return convolution.packForward(0, plain, packed);
    }

    /** Puts weights in the PyTorch layout into the device's own. */
    void pack(Convolution convolution, float[] weights, Matrix packed) {
        Matrix plain =
                memory.unpacked()
                        .reshaped(
                                convolution.shape().outputChannels(),
                                weights.length / convolution.shape().outputChannels());
        upload(weights, plain);
        convolution.packForward(0, plain, packed);
    }
}
