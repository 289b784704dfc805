package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedWeights;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.InferenceMemory;

/** What every stage computes with: a device and the plan's arena on it. */
record InferenceDevice(Device device, DeviceArena arena, InferenceMemory memory) {
    Kernels kernels() {
        return arena.kernels();
    }

    /** Work on one chunk of a pass. */
    interface OfChunk {
        void run(int lane, Chunk chunk);
    }

    /** Runs {@code task} for every chunk of a pass. */
    void forEachChunk(Chunks chunks, int images, OfChunk task) {
        device.forEachChunk(
                chunks.count(images), (lane, index) -> task.run(lane, chunks.chunk(index, images)));
    }

    /** {@code c = a·weightᵀ}. */
    void multiplyByTransposed(int lane, Matrix a, Matrix weight, Matrix c) {
        arena.multiply(lane, GemmShape.of(a, false, weight, true, c, false), a, weight, c);
    }

    /**
     * {@code c = a·weightᵀ}, some columns of c in each lane: for fewer chunks than lanes. The plan
     * knows of it by {@code InferencePlanner.noteProductByTransposed}.
     */
    void multiplyByTransposedInColumns(Matrix a, Matrix weight, Matrix c) {
        Chunks columns = Chunks.ofColumns(weight.rows(), device.lanes());
        device.forEachChunk(
                columns.count(1),
                (lane, part) -> {
                    int first = columns.firstRow(part);
                    int count = columns.rows(part, 1);
                    multiplyByTransposed(
                            lane, a, weight.rows(first, count), c.columns(first, count));
                });
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
        pack(convolution, convolution.shape(), weights, packed);
    }

    /** The same, of a convolution of this shape. */
    void pack(PackedWeights convolution, ConvolutionShape shape, float[] weights, Matrix packed) {
        convolution.packForward(0, unpacked(shape, weights), packed);
    }

    /** The same for a convolution that runs backwards: from its output to its source. */
    void packBackward(Convolution convolution, float[] weights, Matrix packed) {
        convolution.packBackward(0, unpacked(convolution.shape(), weights), packed);
    }

    private Matrix unpacked(ConvolutionShape shape, float[] weights) {
        int out = shape.outputChannels();
        Matrix plain = memory.unpacked().reshaped(out, weights.length / out);
        upload(weights, plain);
        return plain;
    }
}
