package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.GT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.MaskReluKernel;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** The gradient through BN-ReLU, masked in place, with the sums that batch normalisation needs. */
interface MaskRelu {
    /** See {@link org.densenet4j.backend.Kernels#maskRelu}. */
    void maskRelu(Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial);

    /** Machine code. */
    final class Compiled implements MaskRelu {
        private final CompiledPasses passes;
        private final KernelCache<MaskReluKernel.Form, MaskReluKernel> kernels;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            kernels = passes.kernels(MaskReluKernel::new);
        }

        @Override
        public void maskRelu(
                Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial) {
            MaskReluKernel.Form form =
                    new MaskReluKernel.Form(
                            Target.storage(x.type()),
                            x.rows(),
                            x.columns(),
                            gradient.rowBytes(),
                            x.rowBytes(),
                            affine.rowBytes(),
                            partial.rowBytes());
            kernels.of(form)
                    .run(
                            passes.address(gradient),
                            passes.address(x),
                            passes.address(affine),
                            passes.address(statistics),
                            passes.address(partial));
        }
    }

    /** On the Vector API, for one storage type of activations ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements MaskRelu {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
        private static final int BYTES = STORAGE.bytes();

        Vectors(MemorySegment memory) {
            super(memory);
        }

        private FloatVector load(long at) {
            return StoredVector.load(FLOATS, memory, at);
        }

        private FloatVector load(long at, VectorMask<Float> mask) {
            return StoredVector.load(FLOATS, memory, at, mask);
        }

        private void store(FloatVector v, long at) {
            StoredVector.store(FLOATS, v, memory, at);
        }

        private void store(FloatVector v, long at, VectorMask<Float> mask) {
            StoredVector.store(FLOATS, v, memory, at, mask);
        }

        private static long rowBytes(Matrix x) {
            return (long) x.stride() * BYTES;
        }

        @Override
        public void maskRelu(
                Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial) {
            fill(partial, 0);
            for (int first = 0; first < x.rows(); first += TILE) {
                int end = Math.min(first + TILE, x.rows());
                for (int c = 0; c < whole(x); c += LANES) {
                    maskTile(gradient, x, affine, statistics, partial, c, first, end);
                }
                if (hasRest(x)) {
                    maskRest(gradient, x, affine, statistics, partial, first, end);
                }
            }
        }

        private void maskTile(
                Matrix gradient,
                Matrix x,
                Matrix affine,
                Matrix statistics,
                Matrix partial,
                int c,
                int first,
                int end) {
            FloatVector zero = zero();
            FloatVector scale = floats(affine, 0, c);
            FloatVector shift = floats(affine, 1, c);
            FloatVector mean = floats(statistics, 0, c);
            FloatVector sum = floats(partial, 0, c);
            FloatVector products = floats(partial, 1, c);
            long xs = x.at(0, c);
            long gs = gradient.at(0, c);
            long xRow = rowBytes(x);
            long gRow = rowBytes(gradient);
            for (int r = first; r < end; r++) {
                FloatVector v = load(xs + r * xRow);
                FloatVector g = load(gs + r * gRow);
                g = zero.blend(g, v.fma(scale, shift).compare(GT, 0f));
                store(g, gs + r * gRow);
                sum = sum.add(g);
                products = g.fma(v.sub(mean), products);
            }
            set(partial, 0, c, sum);
            set(partial, 1, c, products);
        }

        private void maskRest(
                Matrix gradient,
                Matrix x,
                Matrix affine,
                Matrix statistics,
                Matrix partial,
                int first,
                int end) {
            VectorMask<Float> mask = restMask(x);
            int c = whole(x);
            FloatVector zero = zero();
            FloatVector scale = floats(affine, 0, c, mask);
            FloatVector shift = floats(affine, 1, c, mask);
            FloatVector mean = floats(statistics, 0, c, mask);
            FloatVector sum = floats(partial, 0, c, mask);
            FloatVector products = floats(partial, 1, c, mask);
            long xs = x.at(0, c);
            long gs = gradient.at(0, c);
            long xRow = rowBytes(x);
            long gRow = rowBytes(gradient);
            for (int r = first; r < end; r++) {
                FloatVector v = load(xs + r * xRow, mask);
                FloatVector g = load(gs + r * gRow, mask);
                g = zero.blend(g, v.fma(scale, shift).compare(GT, 0f));
                store(g, gs + r * gRow, mask);
                sum = sum.add(g);
                products = g.fma(v.sub(mean), products);
            }
            set(partial, 0, c, sum, mask);
            set(partial, 1, c, products, mask);
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements MaskRelu {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void maskRelu(
                Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial) {
            for (int c = 0; c < x.columns(); c++) {
                float mean = get(statistics, 0, c);
                float sum = 0;
                float products = 0;
                for (int r = 0; r < x.rows(); r++) {
                    float g = normalised(x, r, c, affine) > 0 ? get(gradient, r, c) : 0f;
                    set(gradient, r, c, g);
                    sum += g;
                    products = Math.fma(g, get(x, r, c) - mean, products);
                }
                set(partial, 0, c, sum);
                set(partial, 1, c, products);
            }
        }
    }
}
