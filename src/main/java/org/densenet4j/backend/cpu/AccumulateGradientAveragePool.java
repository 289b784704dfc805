package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.GT;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.AccumulateGradientAveragePoolKernel;
import org.densenet4j.backend.cpu.jit.Arguments;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** {@link AccumulateGradient} behind a 2x2 average pool. */
interface AccumulateGradientAveragePool {
    /** See {@link org.densenet4j.backend.Kernels#accumulateGradientAveragePool}. */
    void accumulateGradientAveragePool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial);

    /** Machine code. */
    final class Compiled extends StoredElements implements AccumulateGradientAveragePool {
        private final CompiledPasses passes;
        private final KernelCache<
                        AccumulateGradientAveragePoolKernel.Form,
                        AccumulateGradientAveragePoolKernel>
                kernels;
        private final ThreadLocal<Arguments> arguments;

        Compiled(CompiledPasses passes) {
            super(passes.memory());
            this.passes = passes;
            kernels = passes.kernels(AccumulateGradientAveragePoolKernel::new);
            arguments = passes.arguments(AccumulateGradientAveragePoolKernel.Argument.class);
        }

        @Override
        public void accumulateGradientAveragePool(
                Matrix pooledGradient,
                Matrix x,
                int images,
                int height,
                int width,
                Matrix affine,
                Matrix statistics,
                Matrix weight,
                boolean add,
                Matrix blockGradient,
                Matrix partial) {
            fill(partial, 0);
            AccumulateGradientAveragePoolKernel.Form form =
                    new AccumulateGradientAveragePoolKernel.Form(
                            Target.storage(x.type()),
                            images,
                            height,
                            width,
                            x.columns(),
                            add,
                            pooledGradient.rowBytes(),
                            x.rowBytes(),
                            blockGradient.rowBytes(),
                            affine.rowBytes(),
                            partial.rowBytes());
            kernels.of(form)
                    .run(
                            arguments
                                    .get()
                                    .set(
                                            AccumulateGradientAveragePoolKernel.Argument.POOLED,
                                            passes.address(pooledGradient))
                                    .set(
                                            AccumulateGradientAveragePoolKernel.Argument.X,
                                            passes.address(x))
                                    .set(
                                            AccumulateGradientAveragePoolKernel.Argument.AFFINE,
                                            passes.address(affine))
                                    .set(
                                            AccumulateGradientAveragePoolKernel.Argument.MEAN,
                                            passes.address(statistics))
                                    .set(
                                            AccumulateGradientAveragePoolKernel.Argument.WEIGHT,
                                            passes.address(weight))
                                    .set(
                                            AccumulateGradientAveragePoolKernel.Argument.GRADIENT,
                                            passes.address(blockGradient))
                                    .set(
                                            AccumulateGradientAveragePoolKernel.Argument.SUMS,
                                            passes.address(partial)));
        }
    }

    /** On the Vector API, for one storage type of activations ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements AccumulateGradientAveragePool {
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

        @Override
        public void accumulateGradientAveragePool(
                Matrix pooledGradient,
                Matrix x,
                int images,
                int height,
                int width,
                Matrix affine,
                Matrix statistics,
                Matrix weight,
                boolean add,
                Matrix blockGradient,
                Matrix partial) {
            fill(partial, 0);
            Accumulation a =
                    new Accumulation(
                            pooledGradient, x, affine, statistics, weight, blockGradient, partial);
            int outHeight = height / 2;
            for (int line = 0; line < images * height; line++) {
                int h = line % height / 2;
                int pooled = (line / height * outHeight + h) * (width / 2);
                for (int c = 0; c < whole(x); c += LANES) {
                    if (h < outHeight) {
                        accumulatePooledLine(a, add, c, line * width, width, pooled);
                    } else if (!add) {
                        fill(blockGradient.rows(line * width, width).columns(c, LANES), 0);
                    }
                }
            }
            if (hasRest(x)) {
                loops.accumulateGradientAveragePool(
                        rest(pooledGradient, x),
                        rest(x, x),
                        images,
                        height,
                        width,
                        rest(affine, x),
                        rest(statistics, x),
                        rest(weight, x),
                        add,
                        rest(blockGradient, x),
                        rest(partial, x));
            }
        }

        /** A line of pixels, two of which share one pooled gradient; an odd last one has none. */
        private void accumulatePooledLine(
                Accumulation a, boolean add, int c, int first, int width, int pooled) {
            FloatVector zero = zero();
            FloatVector scale = floats(a.affine(), 0, c);
            FloatVector shift = floats(a.affine(), 1, c);
            FloatVector mean = floats(a.statistics(), 0, c);
            FloatVector weight = floats(a.weight(), 0, c);
            FloatVector sum = floats(a.partial(), 0, c);
            FloatVector products = floats(a.partial(), 1, c);
            for (int w = 0; w + 1 < width; w += 2) {
                FloatVector d = load(a.gradient().at(pooled + w / 2, c)).mul(0.25f);
                for (int p = first + w; p < first + w + 2; p++) {
                    FloatVector v = load(a.x().at(p, c));
                    FloatVector g = zero.blend(d, v.fma(scale, shift).compare(GT, 0f));
                    sum = sum.add(g);
                    products = g.fma(v.sub(mean), products);
                    long at = a.blockGradient().at(p, c);
                    if (add) {
                        store(g.fma(weight, load(at)), at);
                    } else {
                        store(g.mul(weight), at);
                    }
                }
            }
            if (width % 2 == 1 && !add) {
                store(zero, a.blockGradient().at(first + width - 1, c));
            }
            set(a.partial(), 0, c, sum);
            set(a.partial(), 1, c, products);
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements AccumulateGradientAveragePool {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void accumulateGradientAveragePool(
                Matrix pooledGradient,
                Matrix x,
                int images,
                int height,
                int width,
                Matrix affine,
                Matrix statistics,
                Matrix weight,
                boolean add,
                Matrix blockGradient,
                Matrix partial) {
            int outHeight = height / 2;
            int outWidth = width / 2;
            for (int c = 0; c < x.columns(); c++) {
                float mean = get(statistics, 0, c);
                float sum = 0;
                float products = 0;
                for (int row = 0; row < images * height * width; row++) {
                    int w = row % width;
                    int h = row / width % height;
                    int i = row / width / height;
                    boolean pooled = h / 2 < outHeight && w / 2 < outWidth;
                    float g = 0;
                    if (pooled && normalised(x, row, c, affine) > 0) {
                        int outRow = (i * outHeight + h / 2) * outWidth + w / 2;
                        g = 0.25f * get(pooledGradient, outRow, c);
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
