package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;

/**
 * A pointwise convolution of float32 whose forward product is one of tiles of bfloat16 (AMX; see
 * {@link TripletProducts}): rows of X are normalised while they are split. Its gradient is that of
 * {@link CompiledPointwise}.
 */
final class TripletPointwise implements HostPointwise {
    private final CompiledPointwise vectors;
    private final TripletProducts products;

    TripletPointwise(CpuArena arena, Target target) {
        this.vectors = new CompiledPointwise(arena, target, DataType.FLOAT32);
        this.products = arena.tripletProducts();
    }

    /** Whether weights are large enough. */
    static boolean fits(PointwiseShape s) {
        return s.type() == DataType.FLOAT32
                && !s.isGrouped()
                && TripletProducts.isLarge(s.inputChannels(), s.outputChannels());
    }

    static PointwiseMemory memory(Target target, PointwiseShape s) {
        PointwiseMemory m = CompiledPointwise.memory(target, s);
        long packed = TripletProducts.packedBytes(s.inputChannels(), s.outputChannels());
        long scratch = TripletProducts.scratchBytes(s.rows(), s.inputChannels());
        return new PointwiseMemory(
                Math.max(m.packedWeights(), packed), m.chunk(), 0, scratch, scratch);
    }

    @Override
    public Matrix packForward(int lane, Matrix weight, Matrix packed) {
        products.pack(lane, weight, true, packed.offset());
        return packed;
    }

    @Override
    public Matrix packBackward(int lane, Matrix weight, Matrix packed) {
        return vectors.packBackward(lane, weight, packed);
    }

    @Override
    public void forward(int lane, Matrix x, Matrix affine, Matrix weights, Matrix chunk, Matrix z) {
        products.multiplyByPacked(lane, x, affine, weights.offset(), z, false);
    }

    @Override
    public void backward(int lane, PointwiseGradient gradient, Matrix chunk) {
        vectors.backward(lane, gradient, chunk);
    }

    @Override
    public void close() {
        vectors.close();
    }
}
