package org.densenet4j.engine;

import org.densenet4j.backend.ChunkTask;
import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedWeights;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.plan.NetworkMemory;
import org.densenet4j.plan.ParameterLayout;

/** What every stage computes with: a device, the plan's arena on it, and the parameters inside. */
record Compute(Device device, DeviceArena arena, NetworkMemory memory, FrozenParameters frozen) {
    Compute(Device device, DeviceArena arena, NetworkMemory memory) {
        this(device, arena, memory, new FrozenParameters(memory));
    }

    Kernels kernels() {
        return arena.kernels();
    }

    /**
     * Whether readers of a channel leave its batch-norm correction to the channel's producer; the
     * naive strategy finishes every reader's gradient at once.
     */
    boolean defersCorrections() {
        return memory.strategy() != MemoryStrategy.NAIVE;
    }

    void forEachChunk(int chunks, ChunkTask task) {
        device.forEachChunk(chunks, task);
    }

    /** Whether a pass normalises with the statistics of its own batch. */
    boolean usesBatchStatistics(Pass pass) {
        return pass.mode() == Mode.TRAIN
                || pass.mode() == Mode.EVALUATE && memory.graph().evaluatesWithBatchStatistics();
    }

    /** Work on one chunk of a pass. */
    interface OfChunk {
        void run(int lane, Chunk chunk);
    }

    /** Runs {@code task} for every chunk of a pass. */
    void forEachChunk(Chunks chunks, Pass pass, OfChunk task) {
        device.forEachChunk(
                chunks.count(pass.images()),
                (lane, index) -> task.run(lane, chunks.chunk(index, pass.images())));
    }

    /** A weight as [out, in·kh·kw]. */
    Matrix weight(String name) {
        return memory.parameterLayout().matrix(memory.parameters(), name);
    }

    /** A weight as [out, in·kh·kw] in the activations' storage type, for products with them. */
    Matrix operand(String name) {
        return memory.parameterLayout().matrix(memory.operands(), name);
    }

    /** The gradient of a weight as [out, in·kh·kw]. */
    Matrix weightGradient(String name) {
        return memory.parameterLayout().matrix(memory.parameterGradients(), name);
    }

    /** A per-channel parameter. */
    Matrix vector(String name) {
        return memory.parameterLayout().in(memory.parameters(), name);
    }

    /** The gradient of a per-channel parameter. */
    Matrix vectorGradient(String name) {
        return memory.parameterLayout().in(memory.parameterGradients(), name);
    }

    /** A running statistic. */
    Matrix running(String name) {
        return memory.runningLayout().in(memory.running(), name);
    }

    /** {@code c = a·bᵀ}: rows of activations times a weight stored as [out, in]. */
    void multiplyByTransposed(int lane, Matrix a, Matrix weight, Matrix c) {
        arena.multiply(lane, GemmShape.of(a, false, weight, true, c, false), a, weight, c);
    }

    /** {@code c = a·b}: rows of gradients times a weight stored as [out, in]. */
    void multiply(int lane, Matrix a, Matrix weight, Matrix c) {
        arena.multiply(lane, GemmShape.of(a, false, weight, false, c, false), a, weight, c);
    }

    /** {@code sum += aᵀ·b}: a weight gradient. */
    void multiplyTransposedInto(int lane, Matrix a, Matrix b, Matrix sum) {
        arena.multiply(lane, GemmShape.of(a, true, b, false, sum, true), a, b, sum);
    }

    /** Some elements of a vector, or some rows of a matrix. */
    interface Slice {
        void run(int from, int count);
    }

    /**
     * Runs {@code work} on slices of a vector that keep the device busy; on none of an empty one.
     */
    void forEachSlice(int length, Slice work) {
        if (length == 0) {
            return; // running statistics of a network without batch norms
        }
        int slice = sliceLength(length);
        forEachChunk(
                Math.ceilDiv(length, slice),
                (lane, chunk) -> {
                    int from = chunk * slice;
                    work.run(from, Math.min(slice, length - from));
                });
    }

    /** Copies a vector. */
    void copy(Matrix from, Matrix to) {
        forEachSlice(
                from.columns(),
                (first, count) ->
                        kernels().copy(from.columns(first, count), to.columns(first, count)));
    }

    /** Elements of every slice of a vector but possibly the last. */
    int sliceLength(int length) {
        return ParameterLayout.aligned(Math.ceilDiv(length, device.leastChunks()));
    }

    /** Adds the lanes' sums to a gradient after a pass. */
    void reduce(LaneSums sums, Matrix gradient) {
        forEachSlice(gradient.rows(), (from, count) -> sums.addTo(gradient, from, count));
    }

    /**
     * Adds the lanes' sums to the weight gradient of a convolution after a pass, beside other work.
     *
     * @param packed the sums, a row each
     */
    void reduce(
            LaneSums sums,
            Matrix packed,
            Convolution convolution,
            Matrix gradient,
            LaneTask... beside) {
        sums.finish();
        inParts(
                convolution,
                (lane, part) -> convolution.reduceWeightGradient(lane, part, packed, gradient),
                beside);
    }

    /** Packs weights for a forward pass, beside other work. */
    void packForward(PackedWeights convolution, Matrix weights, Matrix packed, LaneTask... beside) {
        inParts(
                convolution,
                (lane, part) -> convolution.packForward(lane, part, weights, packed),
                beside);
    }

    /** Packs weights for a backward pass, beside other work. */
    void packBackward(
            PackedWeights convolution, Matrix weights, Matrix packed, LaneTask... beside) {
        inParts(
                convolution,
                (lane, part) -> convolution.packBackward(lane, part, weights, packed),
                beside);
    }

    private void inParts(PackedWeights convolution, ChunkTask ofPart, LaneTask... beside) {
        forEachChunk(
                beside.length + convolution.parts(),
                (lane, task) -> {
                    if (task < beside.length) {
                        beside[task].run(lane);
                    } else {
                        ofPart.run(lane, task - beside.length);
                    }
                });
    }

    /** Work of one lane. */
    interface LaneTask {
        void run(int lane);
    }

    /** Runs tasks that have nothing to do with each other, each on one lane. */
    void together(LaneTask... tasks) {
        forEachChunk(tasks.length, (lane, task) -> tasks[task].run(lane));
    }
}
