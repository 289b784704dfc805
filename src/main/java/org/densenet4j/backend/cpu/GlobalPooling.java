package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.GT;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.AccumulateGradientGlobalPoolKernel;
import org.densenet4j.backend.cpu.jit.AccumulateGradientGlobalPoolKernel.Argument;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.NormaliseReluGlobalPoolKernel;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** The global average pool behind BN-ReLU, forward and backward. */
interface GlobalPooling {
    /** See {@link org.densenet4j.backend.Kernels#normaliseReluGlobalPool}. */
    void normaliseReluGlobalPool(Matrix x, int images, int pixels, Matrix affine, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#accumulateGradientGlobalPool}. */
    void accumulateGradientGlobalPool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int pixels,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial);

    /** Machine code. */
    final class Compiled implements GlobalPooling {
        private final CompiledPasses passes;
        private final KernelCache<NormaliseReluGlobalPoolKernel.Form, NormaliseReluGlobalPoolKernel>
                pools;
        private final KernelCache<
                        AccumulateGradientGlobalPoolKernel.Form, AccumulateGradientGlobalPoolKernel>
                gradients;
        private final ThreadLocal<Arguments> arguments;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            pools = passes.kernels(NormaliseReluGlobalPoolKernel::new);
            gradients = passes.kernels(AccumulateGradientGlobalPoolKernel::new);
            arguments = passes.arguments(Argument.class);
        }

        @Override
        public void normaliseReluGlobalPool(
                Matrix x, int images, int pixels, Matrix affine, Matrix out) {
            NormaliseReluGlobalPoolKernel.Form form =
                    new NormaliseReluGlobalPoolKernel.Form(
                            Target.storage(x.type()),
                            Target.storage(out.type()),
                            images,
                            pixels,
                            x.columns(),
                            x.rowBytes(),
                            out.rowBytes(),
                            affine.rowBytes());
            pools.of(form).run(passes.address(x), passes.address(affine), passes.address(out));
        }

        @Override
        public void accumulateGradientGlobalPool(
                Matrix pooledGradient,
                Matrix x,
                int images,
                int pixels,
                Matrix affine,
                Matrix statistics,
                Matrix weight,
                boolean add,
                Matrix blockGradient,
                Matrix partial) {
            AccumulateGradientGlobalPoolKernel.Form form =
                    new AccumulateGradientGlobalPoolKernel.Form(
                            Target.storage(x.type()),
                            Target.storage(pooledGradient.type()),
                            images,
                            pixels,
                            x.columns(),
                            add,
                            pooledGradient.rowBytes(),
                            x.rowBytes(),
                            blockGradient.rowBytes(),
                            affine.rowBytes(),
                            partial.rowBytes());
            gradients
                    .of(form)
                    .run(
                            arguments
                                    .get()
                                    .set(Argument.POOLED, passes.address(pooledGradient))
                                    .set(Argument.X, passes.address(x))
                                    .set(Argument.AFFINE, passes.address(affine))
                                    .set(Argument.MEAN, passes.address(statistics))
                                    .set(Argument.WEIGHT, passes.address(weight))
                                    .set(Argument.GRADIENT, passes.address(blockGradient))
                                    .set(Argument.SUMS, passes.address(partial)));
        }
    }

    /** On the Vector API, for one storage type of activations ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements GlobalPooling {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
        private static final int BYTES = STORAGE.bytes();
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

        private static long rowBytes(Matrix x) {
            return (long) x.stride() * BYTES;
        }

        @Override
        public void normaliseReluGlobalPool(
                Matrix x, int images, int pixels, Matrix affine, Matrix out) {
            FloatVector zero = zero();
            for (int i = 0; i < images; i++) {
                for (int c = 0; c < whole(x); c += LANES) {
                    FloatVector scale = floats(affine, 0, c);
                    FloatVector shift = floats(affine, 1, c);
                    long from = x.at(i * pixels, c);
                    FloatVector sum = zero;
                    for (int p = 0; p < pixels; p++) {
                        sum = sum.add(load(from + p * rowBytes(x)).fma(scale, shift).max(zero));
                    }
                    set(out, i, c, sum.div(pixels));
                }
            }
            if (hasRest(x)) {
                loops.normaliseReluGlobalPool(
                        rest(x, x), images, pixels, rest(affine, x), rest(out, x));
            }
        }

        @Override
        public void accumulateGradientGlobalPool(
                Matrix pooledGradient,
                Matrix x,
                int images,
                int pixels,
                Matrix affine,
                Matrix statistics,
                Matrix weight,
                boolean add,
                Matrix blockGradient,
                Matrix partial) {
            fill(partial, 0);
            FloatVector zero = zero();
            for (int i = 0; i < images; i++) {
                for (int c = 0; c < whole(x); c += LANES) {
                    FloatVector scale = floats(affine, 0, c);
                    FloatVector shift = floats(affine, 1, c);
                    FloatVector mean = floats(statistics, 0, c);
                    FloatVector factor = floats(weight, 0, c);
                    FloatVector sum = floats(partial, 0, c);
                    FloatVector products = floats(partial, 1, c);
                    FloatVector pooled = floats(pooledGradient, i, c).div(pixels);
                    for (int p = i * pixels; p < (i + 1) * pixels; p++) {
                        FloatVector v = load(x.at(p, c));
                        FloatVector d = zero.blend(pooled, v.fma(scale, shift).compare(GT, 0f));
                        sum = sum.add(d);
                        products = d.fma(v.sub(mean), products);
                        long at = blockGradient.at(p, c);
                        if (add) {
                            store(d.fma(factor, load(at)), at);
                        } else {
                            store(d.mul(factor), at);
                        }
                    }
                    set(partial, 0, c, sum);
                    set(partial, 1, c, products);
                }
            }
            if (hasRest(x)) {
                loops.accumulateGradientGlobalPool(
                        rest(pooledGradient, x),
                        rest(x, x),
                        images,
                        pixels,
                        rest(affine, x),
                        rest(statistics, x),
                        rest(weight, x),
                        add,
                        rest(blockGradient, x),
                        rest(partial, x));
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements GlobalPooling {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void normaliseReluGlobalPool(
                Matrix x, int images, int pixels, Matrix affine, Matrix out) {
            for (int i = 0; i < images; i++) {
                for (int c = 0; c < x.columns(); c++) {
                    float sum = 0;
                    for (int p = 0; p < pixels; p++) {
                        sum += relu(x, i * pixels + p, c, affine);
                    }
                    set(out, i, c, sum / pixels);
                }
            }
        }

        @Override
        public void accumulateGradientGlobalPool(
                Matrix pooledGradient,
                Matrix x,
                int images,
                int pixels,
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
                for (int row = 0; row < images * pixels; row++) {
                    float g = 0;
                    if (normalised(x, row, c, affine) > 0) {
                        g = get(pooledGradient, row / pixels, c) / pixels;
                    }
                    sum += g;
                    products = Math.fma(g, get(x, row, c) - mean, products);
                    float before = add ? get(blockGradient, row, c) : 0f;
                    set(blockGradient, row, c, Math.fma(get(weight, 0, c), g, before));
                }
                set(partial, 0, c, sum);
                set(partial, 1, c, products);
            }
        }
    }
}
