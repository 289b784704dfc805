package org.densenet4j.backend;

/**
 * A pointwise convolution as a sequence of kernels and library products, with A, dA and dZ of a
 * chunk in scratch memory that stays in the cache.
 */
final class ComposedPointwise implements PointwiseConvolution {
    private final DeviceArena arena;

    ComposedPointwise(DeviceArena arena) {
        this.arena = arena;
    }

    /** Where A, dA and dZ of a chunk lie, with aligned rows. */
    private record Parts(Matrix a, Matrix dA, Matrix dZ) {
        static Parts in(long offset, int rows, int inputs, int outputs, DataType type) {
            Matrix a = Matrix.aligned(offset, rows, inputs, type);
            Matrix dA = Matrix.aligned(offset + a.storedBytes(), rows, inputs, type);
            return new Parts(
                    a, dA, Matrix.aligned(dA.offset() + dA.storedBytes(), rows, outputs, type));
        }

        long bytes() {
            return a.storedBytes() + dA.storedBytes() + dZ.storedBytes();
        }
    }

    static PointwiseMemory memory(Device device, PointwiseShape s) {
        int in = s.inputChannels();
        int out = s.outputChannels();
        Parts parts = Parts.in(0, s.rows(), in, out, s.type());
        Matrix weight = Matrix.dense(0, out, in, s.type());
        Matrix sum = Matrix.dense(0, out, in);
        Matrix z = Matrix.dense(0, s.rows(), out, s.type());
        long forward = device.scratchBytes(GemmShape.of(parts.a, false, weight, true, z, false));
        long scratch = forward;
        for (GemmShape product :
                new GemmShape[] {
                    GemmShape.of(parts.dZ, false, weight, false, parts.dA, false),
                    GemmShape.of(parts.dZ, true, parts.a, false, sum, true)
                }) {
            scratch = Math.max(scratch, device.scratchBytes(product));
        }
        return new PointwiseMemory(0, parts.bytes(), parts.a.storedBytes(), scratch, forward);
    }

    @Override
    public Matrix packForward(int lane, Matrix weight, Matrix packed) {
        return weight;
    }

    @Override
    public Matrix packBackward(int lane, Matrix weight, Matrix packed) {
        return weight;
    }

    @Override
    public void forward(int lane, Matrix x, Matrix affine, Matrix weights, Matrix chunk, Matrix z) {
        Matrix a = parts(chunk, x, z).a;
        arena.kernels().normaliseRelu(x, affine, a);
        arena.multiply(lane, GemmShape.of(a, false, weights, true, z, false), a, weights, z);
    }

    @Override
    public void backward(int lane, PointwiseGradient g, Matrix chunk) {
        Kernels kernels = arena.kernels();
        Parts p = parts(chunk, g.x(), g.z());
        kernels.applyCorrection(g.result(), g.z(), g.correction(), g.zStatistics(), false, p.dZ);
        kernels.normaliseRelu(g.x(), g.affine(), p.a);
        arena.multiply(
                lane,
                GemmShape.of(p.dZ, true, p.a, false, g.weightSum(), true),
                p.dZ,
                p.a,
                g.weightSum());
        arena.multiply(
                lane,
                GemmShape.of(p.dZ, false, g.weight(), false, p.dA, false),
                p.dZ,
                g.weight(),
                p.dA);
        kernels.accumulateGradient(
                p.dA,
                g.x(),
                g.affine(),
                g.statistics(),
                g.factor(),
                true,
                g.blockGradient(),
                g.partial());
    }

    private static Parts parts(Matrix chunk, Matrix x, Matrix z) {
        return Parts.in(chunk.offset(), x.rows(), x.columns(), z.columns(), x.type());
    }
}
