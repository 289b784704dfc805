package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** The gradient of a normalisation without a ReLU behind it. */
interface NormGradient {
    /** See {@link org.densenet4j.backend.Kernels#accumulateGradientOfNormalised}. */
    void accumulateGradientOfNormalised(
            Matrix gradient,
            Matrix x,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial);

    /**
     * On the Vector API, for one storage type of activations ({@link StorageCopy}). Channels that
     * do not fill a vector, which residual networks do not have, are left to the plain loops.
     */
    final class Vectors extends VectorElements implements NormGradient {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
        private final Loops loops;

        Vectors(MemorySegment memory) {
            super(memory);
            loops = new Loops(memory);
        }

        private FloatVector load(long at) {
            return StoredVector.load(FLOATS, memory, at);
        }

        private void store(FloatVector v, long at) {
            StoredVector.store(FLOATS, v, memory, at);
        }

        private void clear(Matrix partial) {
            FloatVector zero = FloatVector.zero(SPECIES);
            for (int c = 0; c < whole(partial); c += LANES) {
                setFloats(zero, partial.at(0, c));
                setFloats(zero, partial.at(1, c));
            }
        }

        private void addSums(
                Matrix gradient,
                Matrix x,
                Matrix statistics,
                Matrix partial,
                int c,
                int first,
                int end) {
            FloatVector mean = floats(statistics.at(0, c));
            FloatVector sum = floats(partial.at(0, c));
            FloatVector products = floats(partial.at(1, c));
            long xs = x.at(0, c);
            long gs = gradient.at(0, c);
            long xRow = x.rowBytes();
            long gRow = gradient.rowBytes();
            for (int r = first; r < end; r++) {
                FloatVector g = load(gs + r * gRow);
                sum = sum.add(g);
                products = g.fma(load(xs + r * xRow).sub(mean), products);
            }
            setFloats(sum, partial.at(0, c));
            setFloats(products, partial.at(1, c));
        }

        @Override
        public void accumulateGradientOfNormalised(
                Matrix gradient,
                Matrix x,
                Matrix statistics,
                Matrix weight,
                boolean add,
                Matrix blockGradient,
                Matrix partial) {
            clear(partial);
            for (int first = 0; first < x.rows(); first += TILE) {
                int end = Math.min(first + TILE, x.rows());
                for (int c = 0; c < whole(x); c += LANES) {
                    addSums(gradient, x, statistics, partial, c, first, end);
                    if (add) {
                        addWeighted(gradient, weight, blockGradient, c, first, end);
                    } else {
                        setWeighted(gradient, weight, blockGradient, c, first, end);
                    }
                }
            }
            if (hasRest(x)) {
                loops.accumulateGradientOfNormalised(
                        rest(gradient),
                        rest(x),
                        rest(statistics),
                        rest(weight),
                        add,
                        rest(blockGradient),
                        rest(partial));
            }
        }

        private void addWeighted(
                Matrix gradient, Matrix weight, Matrix blockGradient, int c, int first, int end) {
            FloatVector w = floats(weight.at(0, c));
            long from = gradient.at(0, c);
            long to = blockGradient.at(0, c);
            for (int r = first; r < end; r++) {
                long target = to + r * blockGradient.rowBytes();
                FloatVector g = load(from + r * gradient.rowBytes());
                store(g.fma(w, load(target)), target);
            }
        }

        private void setWeighted(
                Matrix gradient, Matrix weight, Matrix blockGradient, int c, int first, int end) {
            FloatVector w = floats(weight.at(0, c));
            long from = gradient.at(0, c);
            long to = blockGradient.at(0, c);
            for (int r = first; r < end; r++) {
                FloatVector g = load(from + r * gradient.rowBytes());
                store(g.mul(w), to + r * blockGradient.rowBytes());
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements NormGradient {
        Loops(MemorySegment memory) {
            super(memory);
        }

        private void sums(Matrix gradient, Matrix x, Matrix statistics, Matrix partial) {
            for (int c = 0; c < x.columns(); c++) {
                float mean = get(statistics, 0, c);
                float sum = 0;
                float products = 0;
                for (int r = 0; r < x.rows(); r++) {
                    float g = get(gradient, r, c);
                    sum += g;
                    products = Math.fma(g, get(x, r, c) - mean, products);
                }
                set(partial, 0, c, sum);
                set(partial, 1, c, products);
            }
        }

        @Override
        public void accumulateGradientOfNormalised(
                Matrix gradient,
                Matrix x,
                Matrix statistics,
                Matrix weight,
                boolean add,
                Matrix blockGradient,
                Matrix partial) {
            sums(gradient, x, statistics, partial);
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < x.columns(); c++) {
                    float before = add ? get(blockGradient, r, c) : 0f;
                    float g = get(gradient, r, c);
                    set(blockGradient, r, c, Math.fma(get(weight, 0, c), g, before));
                }
            }
        }
    }
}
