package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** L2 normalisation over the channels of each row with a scale for each, with its gradient. */
interface L2Norm {
    /** See {@link org.densenet4j.backend.Kernels#l2Norm}. */
    void l2Norm(Matrix x, Matrix scale, float epsilon, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#l2NormGradient}. */
    void l2NormGradient(
            Matrix gradient,
            Matrix x,
            Matrix scale,
            float epsilon,
            Matrix inverses,
            Matrix sums,
            Matrix out);

    /**
     * On the Vector API, for one storage type of activations ({@link StorageCopy}): row by row,
     * which stays in the first-level cache. What does not fill a vector is masked.
     */
    final class Vectors extends VectorElements implements L2Norm {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;

        Vectors(MemorySegment memory) {
            super(memory);
        }

        private FloatVector load(Matrix x, int row, int c) {
            return StoredVector.load(FLOATS, memory, x.at(row, c));
        }

        /** Zeros where there is nothing. */
        private FloatVector load(Matrix x, int row, int c, VectorMask<Float> mask) {
            return StoredVector.load(FLOATS, memory, x.at(row, c), mask);
        }

        private void store(FloatVector v, Matrix x, int row, int c) {
            StoredVector.store(FLOATS, v, memory, x.at(row, c));
        }

        private void store(FloatVector v, Matrix x, int row, int c, VectorMask<Float> mask) {
            StoredVector.store(FLOATS, v, memory, x.at(row, c), mask);
        }

        private float inverse(Matrix x, int r, float epsilon, VectorMask<Float> mask) {
            FloatVector squares = zero();
            for (int c = 0; c < whole(x); c += LANES) {
                FloatVector v = load(x, r, c);
                squares = v.fma(v, squares);
            }
            if (hasRest(x)) {
                FloatVector v = load(x, r, whole(x), mask);
                squares = v.fma(v, squares);
            }
            double sum = squares.reduceLanes(VectorOperators.ADD);
            return (float) (1 / Math.sqrt(sum + epsilon));
        }

        @Override
        public void l2Norm(Matrix x, Matrix scale, float epsilon, Matrix out) {
            VectorMask<Float> mask = restMask(x);
            int whole = whole(x);
            for (int r = 0; r < x.rows(); r++) {
                float inverse = inverse(x, r, epsilon, mask);
                for (int c = 0; c < whole; c += LANES) {
                    store(load(x, r, c).mul(inverse).mul(floats(scale, 0, c)), out, r, c);
                }
                if (hasRest(x)) {
                    FloatVector h = load(x, r, whole, mask).mul(inverse);
                    store(h.mul(floats(scale, 0, whole, mask)), out, r, whole, mask);
                }
            }
        }

        @Override
        public void l2NormGradient(
                Matrix gradient,
                Matrix x,
                Matrix scale,
                float epsilon,
                Matrix inverses,
                Matrix sums,
                Matrix out) {
            VectorMask<Float> mask = restMask(x);
            int whole = whole(x);
            for (int r = 0; r < x.rows(); r++) {
                float inverse = inverse(x, r, epsilon, mask);
                set(inverses, r, 0, inverse);
                FloatVector products = zero();
                for (int c = 0; c < whole; c += LANES) {
                    FloatVector g = load(gradient, r, c);
                    FloatVector product = g.mul(load(x, r, c).mul(inverse));
                    products = product.fma(floats(scale, 0, c), products);
                    set(sums, 0, c, floats(sums, 0, c).add(product));
                }
                if (hasRest(x)) {
                    FloatVector g = load(gradient, r, whole, mask);
                    FloatVector product = g.mul(load(x, r, whole, mask).mul(inverse));
                    products = product.fma(floats(scale, 0, whole, mask), products);
                    set(sums, 0, whole, floats(sums, 0, whole, mask).add(product), mask);
                }
                float sum = products.reduceLanes(VectorOperators.ADD);
                for (int c = 0; c < whole; c += LANES) {
                    FloatVector h = load(x, r, c).mul(inverse);
                    FloatVector t = load(gradient, r, c).mul(floats(scale, 0, c));
                    store(t.sub(h.mul(sum)).mul(inverse), out, r, c);
                }
                if (hasRest(x)) {
                    FloatVector h = load(x, r, whole, mask).mul(inverse);
                    FloatVector by = floats(scale, 0, whole, mask);
                    FloatVector t = load(gradient, r, whole, mask).mul(by);
                    store(t.sub(h.mul(sum)).mul(inverse), out, r, whole, mask);
                }
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements L2Norm {
        Loops(MemorySegment memory) {
            super(memory);
        }

        private float inverse(Matrix x, int r, float epsilon) {
            double squares = 0;
            for (int c = 0; c < x.columns(); c++) {
                double value = get(x, r, c);
                squares += value * value;
            }
            return (float) (1 / Math.sqrt(squares + epsilon));
        }

        @Override
        public void l2Norm(Matrix x, Matrix scale, float epsilon, Matrix out) {
            for (int r = 0; r < x.rows(); r++) {
                float inverse = inverse(x, r, epsilon);
                for (int c = 0; c < x.columns(); c++) {
                    set(out, r, c, get(x, r, c) * inverse * get(scale, 0, c));
                }
            }
        }

        @Override
        public void l2NormGradient(
                Matrix gradient,
                Matrix x,
                Matrix scale,
                float epsilon,
                Matrix inverses,
                Matrix sums,
                Matrix out) {
            for (int r = 0; r < x.rows(); r++) {
                float inverse = inverse(x, r, epsilon);
                set(inverses, r, 0, inverse);
                double products = 0;
                for (int c = 0; c < x.columns(); c++) {
                    float product = get(gradient, r, c) * get(x, r, c) * inverse;
                    products += (double) product * get(scale, 0, c);
                    set(sums, 0, c, get(sums, 0, c) + product);
                }
                float sum = (float) products;
                for (int c = 0; c < x.columns(); c++) {
                    float h = get(x, r, c) * inverse;
                    float t = get(gradient, r, c) * get(scale, 0, c);
                    set(out, r, c, inverse * (t - h * sum));
                }
            }
        }
    }
}
