package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.LayerNormGradientKernel;
import org.densenet4j.backend.cpu.jit.LayerNormKernel;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** Layer normalisation over the channels of each row, with its gradient. */
interface LayerNorm {
    /** See {@link org.densenet4j.backend.Kernels#layerNorm}. */
    void layerNorm(
            Matrix x, Matrix gamma, Matrix beta, float epsilon, Matrix statistics, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#layerNormGradient}. */
    void layerNormGradient(
            Matrix gradient, Matrix x, Matrix gamma, Matrix statistics, Matrix sums, Matrix out);

    /** Machine code. */
    final class Compiled implements LayerNorm {
        private final CompiledPasses passes;
        private final KernelCache<LayerNormKernel.Form, LayerNormKernel> kernels;
        private final KernelCache<LayerNormGradientKernel.Form, LayerNormGradientKernel> gradients;
        private final ThreadLocal<Arguments> arguments;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            kernels = passes.kernels(LayerNormKernel::new);
            gradients = passes.kernels(LayerNormGradientKernel::new);
            arguments = passes.arguments(LayerNormGradientKernel.Argument.class);
        }

        @Override
        public void layerNorm(
                Matrix x, Matrix gamma, Matrix beta, float epsilon, Matrix statistics, Matrix out) {
            LayerNormKernel.Form form =
                    new LayerNormKernel.Form(
                            Target.storage(x.type()),
                            x.rows(),
                            x.columns(),
                            epsilon,
                            x.rowBytes(),
                            statistics.rowBytes(),
                            out.rowBytes());
            kernels.of(form)
                    .run(
                            passes.address(x),
                            passes.address(gamma),
                            passes.address(beta),
                            passes.address(statistics),
                            passes.address(out));
        }

        @Override
        public void layerNormGradient(
                Matrix gradient,
                Matrix x,
                Matrix gamma,
                Matrix statistics,
                Matrix sums,
                Matrix out) {
            LayerNormGradientKernel.Form form =
                    new LayerNormGradientKernel.Form(
                            Target.storage(x.type()),
                            x.rows(),
                            x.columns(),
                            gradient.rowBytes(),
                            x.rowBytes(),
                            statistics.rowBytes(),
                            sums.rowBytes(),
                            out.rowBytes());
            gradients
                    .of(form)
                    .run(
                            arguments
                                    .get()
                                    .set(
                                            LayerNormGradientKernel.Argument.GRADIENT,
                                            passes.address(gradient))
                                    .set(LayerNormGradientKernel.Argument.X, passes.address(x))
                                    .set(
                                            LayerNormGradientKernel.Argument.GAMMA,
                                            passes.address(gamma))
                                    .set(
                                            LayerNormGradientKernel.Argument.STATISTICS,
                                            passes.address(statistics))
                                    .set(
                                            LayerNormGradientKernel.Argument.SUMS,
                                            passes.address(sums))
                                    .set(
                                            LayerNormGradientKernel.Argument.OUT,
                                            passes.address(out)));
        }
    }

    /**
     * On the Vector API, for one storage type of activations ({@link StorageCopy}): row by row,
     * which stays in the first-level cache. What does not fill a vector is masked.
     */
    final class Vectors extends VectorElements implements LayerNorm {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;

        Vectors(MemorySegment memory) {
            super(memory);
        }

        private FloatVector load(Matrix x, int row, int c) {
            return StoredVector.load(FLOATS, memory, x.at(row, c));
        }

        private FloatVector load(Matrix x, int row, int c, VectorMask<Float> mask) {
            return StoredVector.load(FLOATS, memory, x.at(row, c), mask);
        }

        private void store(FloatVector v, Matrix x, int row, int c) {
            StoredVector.store(FLOATS, v, memory, x.at(row, c));
        }

        private void store(FloatVector v, Matrix x, int row, int c, VectorMask<Float> mask) {
            StoredVector.store(FLOATS, v, memory, x.at(row, c), mask);
        }

        @Override
        public void layerNorm(
                Matrix x, Matrix gamma, Matrix beta, float epsilon, Matrix statistics, Matrix out) {
            VectorMask<Float> mask = restMask(x);
            int whole = whole(x);
            for (int r = 0; r < x.rows(); r++) {
                float mean = mean(x, r, mask);
                FloatVector squares = zero();
                for (int c = 0; c < whole; c += LANES) {
                    FloatVector d = load(x, r, c).sub(mean);
                    squares = d.fma(d, squares);
                }
                if (hasRest(x)) {
                    FloatVector d = zero().blend(load(x, r, whole, mask).sub(mean), mask);
                    squares = d.fma(d, squares);
                }
                float variance = squares.reduceLanes(VectorOperators.ADD) / x.columns();
                float inverse = (float) (1 / Math.sqrt((double) variance + epsilon));
                set(statistics, r, 0, mean);
                set(statistics, r, 1, inverse);
                for (int c = 0; c < whole; c += LANES) {
                    FloatVector h = load(x, r, c).sub(mean).mul(inverse);
                    store(h.fma(floats(gamma, 0, c), floats(beta, 0, c)), out, r, c);
                }
                if (hasRest(x)) {
                    FloatVector h = load(x, r, whole, mask).sub(mean).mul(inverse);
                    FloatVector scale = floats(gamma, 0, whole, mask);
                    store(h.fma(scale, floats(beta, 0, whole, mask)), out, r, whole, mask);
                }
            }
        }

        private float mean(Matrix x, int r, VectorMask<Float> mask) {
            FloatVector sum = zero();
            for (int c = 0; c < whole(x); c += LANES) {
                sum = sum.add(load(x, r, c));
            }
            if (hasRest(x)) {
                sum = sum.add(load(x, r, whole(x), mask));
            }
            return sum.reduceLanes(VectorOperators.ADD) / x.columns();
        }

        @Override
        public void layerNormGradient(
                Matrix gradient,
                Matrix x,
                Matrix gamma,
                Matrix statistics,
                Matrix sums,
                Matrix out) {
            VectorMask<Float> mask = restMask(x);
            int whole = whole(x);
            for (int r = 0; r < x.rows(); r++) {
                float mean = get(statistics, r, 0);
                float inverse = get(statistics, r, 1);
                FloatVector ofT = zero();
                FloatVector ofProducts = zero();
                for (int c = 0; c < whole; c += LANES) {
                    FloatVector g = load(gradient, r, c);
                    FloatVector h = load(x, r, c).sub(mean).mul(inverse);
                    FloatVector t = g.mul(floats(gamma, 0, c));
                    ofT = ofT.add(t);
                    ofProducts = t.fma(h, ofProducts);
                    set(sums, 0, c, floats(sums, 0, c).add(g));
                    set(sums, 1, c, g.fma(h, floats(sums, 1, c)));
                }
                if (hasRest(x)) {
                    FloatVector g = load(gradient, r, whole, mask); // zeros where there is nothing
                    FloatVector h = load(x, r, whole, mask).sub(mean).mul(inverse);
                    FloatVector t = g.mul(floats(gamma, 0, whole, mask));
                    ofT = ofT.add(t);
                    ofProducts = t.fma(h, ofProducts);
                    set(sums, 0, whole, floats(sums, 0, whole, mask).add(g), mask);
                    set(sums, 1, whole, g.fma(h, floats(sums, 1, whole, mask)), mask);
                }
                float meanT = ofT.reduceLanes(VectorOperators.ADD) / x.columns();
                float meanProduct = ofProducts.reduceLanes(VectorOperators.ADD) / x.columns();
                for (int c = 0; c < whole; c += LANES) {
                    FloatVector h = load(x, r, c).sub(mean).mul(inverse);
                    FloatVector t = load(gradient, r, c).mul(floats(gamma, 0, c)).sub(meanT);
                    store(t.sub(h.mul(meanProduct)).mul(inverse), out, r, c);
                }
                if (hasRest(x)) {
                    FloatVector h = load(x, r, whole, mask).sub(mean).mul(inverse);
                    FloatVector scale = floats(gamma, 0, whole, mask);
                    FloatVector t = load(gradient, r, whole, mask).mul(scale).sub(meanT);
                    store(t.sub(h.mul(meanProduct)).mul(inverse), out, r, whole, mask);
                }
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements LayerNorm {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void layerNorm(
                Matrix x, Matrix gamma, Matrix beta, float epsilon, Matrix statistics, Matrix out) {
            for (int r = 0; r < x.rows(); r++) {
                double sum = 0;
                for (int c = 0; c < x.columns(); c++) {
                    sum += get(x, r, c);
                }
                float mean = (float) (sum / x.columns());
                double squares = 0;
                for (int c = 0; c < x.columns(); c++) {
                    double d = get(x, r, c) - mean;
                    squares += d * d;
                }
                float inverse = (float) (1 / Math.sqrt(squares / x.columns() + epsilon));
                set(statistics, r, 0, mean);
                set(statistics, r, 1, inverse);
                for (int c = 0; c < x.columns(); c++) {
                    float h = (get(x, r, c) - mean) * inverse;
                    set(out, r, c, Math.fma(h, get(gamma, 0, c), get(beta, 0, c)));
                }
            }
        }

        @Override
        public void layerNormGradient(
                Matrix gradient,
                Matrix x,
                Matrix gamma,
                Matrix statistics,
                Matrix sums,
                Matrix out) {
            for (int r = 0; r < x.rows(); r++) {
                float mean = get(statistics, r, 0);
                float inverse = get(statistics, r, 1);
                double ofT = 0;
                double ofProducts = 0;
                for (int c = 0; c < x.columns(); c++) {
                    float g = get(gradient, r, c);
                    float h = (get(x, r, c) - mean) * inverse;
                    float t = g * get(gamma, 0, c);
                    ofT += t;
                    ofProducts += (double) t * h;
                    set(sums, 0, c, get(sums, 0, c) + g);
                    set(sums, 1, c, Math.fma(g, h, get(sums, 1, c)));
                }
                float meanT = (float) (ofT / x.columns());
                float meanProduct = (float) (ofProducts / x.columns());
                for (int c = 0; c < x.columns(); c++) {
                    float h = (get(x, r, c) - mean) * inverse;
                    float t = get(gradient, r, c) * get(gamma, 0, c);
                    set(out, r, c, inverse * (t - meanT - h * meanProduct));
                }
            }
        }
    }
}
