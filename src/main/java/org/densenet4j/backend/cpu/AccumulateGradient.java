package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.GT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** The deferred gradient of one consumer, added to its block's. */
interface AccumulateGradient {
    /** See {@link org.densenet4j.backend.Kernels#accumulateGradient}. */
    void accumulateGradient(
            Matrix gradient,
            Matrix x,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial);

    /** On the Vector API, for one storage type of activations ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements AccumulateGradient {
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
        public void accumulateGradient(
                Matrix gradient,
                Matrix x,
                Matrix affine,
                Matrix statistics,
                Matrix weight,
                boolean add,
                Matrix blockGradient,
                Matrix partial) {
            if (!add) {
                fill(blockGradient, 0);
            }
            fill(partial, 0);
            Accumulation a =
                    new Accumulation(
                            gradient, x, affine, statistics, weight, blockGradient, partial);
            for (int first = 0; first < x.rows(); first += TILE) {
                int end = Math.min(first + TILE, x.rows());
                for (int c = 0; c < whole(x); c += LANES) {
                    accumulateTile(a, c, first, end);
                }
                if (hasRest(x)) {
                    accumulateRest(a, first, end);
                }
            }
        }

        private void accumulateTile(Accumulation a, int c, int first, int end) {
            FloatVector zero = zero();
            FloatVector scale = floats(a.affine(), 0, c);
            FloatVector shift = floats(a.affine(), 1, c);
            FloatVector mean = floats(a.statistics(), 0, c);
            FloatVector weight = floats(a.weight(), 0, c);
            FloatVector sum = floats(a.partial(), 0, c);
            FloatVector products = floats(a.partial(), 1, c);
            long xs = a.x().at(0, c);
            long ds = a.gradient().at(0, c);
            long gs = a.blockGradient().at(0, c);
            long xRow = rowBytes(a.x());
            long dRow = rowBytes(a.gradient());
            long gRow = rowBytes(a.blockGradient());
            for (int r = first; r < end; r++) {
                FloatVector v = load(xs + r * xRow);
                FloatVector d = load(ds + r * dRow);
                d = zero.blend(d, v.fma(scale, shift).compare(GT, 0f));
                sum = sum.add(d);
                products = d.fma(v.sub(mean), products);
                long g = gs + r * gRow;
                store(d.fma(weight, load(g)), g);
            }
            set(a.partial(), 0, c, sum);
            set(a.partial(), 1, c, products);
        }

        private void accumulateRest(Accumulation a, int first, int end) {
            VectorMask<Float> mask = restMask(a.x());
            int c = whole(a.x());
            FloatVector zero = zero();
            FloatVector scale = floats(a.affine(), 0, c, mask);
            FloatVector shift = floats(a.affine(), 1, c, mask);
            FloatVector mean = floats(a.statistics(), 0, c, mask);
            FloatVector weight = floats(a.weight(), 0, c, mask);
            FloatVector sum = floats(a.partial(), 0, c, mask);
            FloatVector products = floats(a.partial(), 1, c, mask);
            long xs = a.x().at(0, c);
            long ds = a.gradient().at(0, c);
            long gs = a.blockGradient().at(0, c);
            long xRow = rowBytes(a.x());
            long dRow = rowBytes(a.gradient());
            long gRow = rowBytes(a.blockGradient());
            for (int r = first; r < end; r++) {
                FloatVector v = load(xs + r * xRow, mask);
                FloatVector d = load(ds + r * dRow, mask);
                d = zero.blend(d, v.fma(scale, shift).compare(GT, 0f));
                sum = sum.add(d);
                products = d.fma(v.sub(mean), products);
                long g = gs + r * gRow;
                store(d.fma(weight, load(g, mask)), g, mask);
            }
            set(a.partial(), 0, c, sum, mask);
            set(a.partial(), 1, c, products, mask);
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements AccumulateGradient {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void accumulateGradient(
                Matrix gradient,
                Matrix x,
                Matrix affine,
                Matrix statistics,
                Matrix weight,
                boolean add,
                Matrix blockGradient,
                Matrix partial) {
            for (int c = 0; c < x.columns(); c++) {
                float mean = get(statistics, 0, c);
                float sum = 0;
                float products = 0;
                for (int r = 0; r < x.rows(); r++) {
                    float g = normalised(x, r, c, affine) > 0 ? get(gradient, r, c) : 0f;
                    sum += g;
                    products = Math.fma(g, get(x, r, c) - mean, products);
                    float before = add ? get(blockGradient, r, c) : 0f;
                    set(blockGradient, r, c, Math.fma(get(weight, 0, c), g, before));
                }
                set(partial, 0, c, sum);
                set(partial, 1, c, products);
            }
        }
    }
}
