package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.ImageProductsKernel;
import org.densenet4j.backend.cpu.jit.ScaleImagesKernel;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** Layer scale, gates of channels and drop path: what is one number for an image and a channel. */
interface ImageScale {
    /** See {@link org.densenet4j.backend.Kernels#scaleImages}. */
    void scaleImages(
            Matrix x,
            Matrix scale,
            @Nullable Matrix logits,
            Matrix factors,
            @Nullable Matrix means,
            Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#imageProducts}. */
    void imageProducts(Matrix a, Matrix b, Matrix sums);

    /** {@code max(0, min(1, (z + 3)/6))}. */
    static float hardSigmoid(float z) {
        return Math.clamp((z + 3) / 6, 0f, 1f);
    }

    /** Machine code. */
    final class Compiled implements ImageScale {
        private final CompiledPasses passes;
        private final KernelCache<ScaleImagesKernel.Form, ScaleImagesKernel> scales;
        private final KernelCache<ImageProductsKernel.Form, ImageProductsKernel> products;
        private final ThreadLocal<Arguments> arguments;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            scales = passes.kernels(ScaleImagesKernel::new);
            products = passes.kernels(ImageProductsKernel::new);
            arguments = passes.arguments(ScaleImagesKernel.Argument.class);
        }

        @Override
        public void scaleImages(
                Matrix x,
                Matrix scale,
                @Nullable Matrix logits,
                Matrix factors,
                @Nullable Matrix means,
                Matrix out) {
            ScaleImagesKernel.Form form =
                    new ScaleImagesKernel.Form(
                            Target.storage(x.type()),
                            factors.rows(),
                            x.rows() / factors.rows(),
                            x.columns(),
                            logits != null,
                            means != null,
                            x.rowBytes(),
                            logits == null ? 0 : logits.rowBytes(),
                            factors.rowBytes(),
                            means == null ? 0 : means.rowBytes(),
                            out.rowBytes());
            scales.of(form)
                    .run(
                            arguments
                                    .get()
                                    .set(ScaleImagesKernel.Argument.X, passes.address(x))
                                    .set(ScaleImagesKernel.Argument.SCALE, passes.address(scale))
                                    .set(ScaleImagesKernel.Argument.LOGITS, address(logits))
                                    .set(
                                            ScaleImagesKernel.Argument.FACTORS,
                                            passes.address(factors))
                                    .set(ScaleImagesKernel.Argument.MEANS, address(means))
                                    .set(ScaleImagesKernel.Argument.OUT, passes.address(out)));
        }

        private long address(@Nullable Matrix m) {
            return m == null ? 0 : passes.address(m);
        }

        @Override
        public void imageProducts(Matrix a, Matrix b, Matrix sums) {
            ImageProductsKernel.Form form =
                    new ImageProductsKernel.Form(
                            Target.storage(a.type()),
                            sums.rows(),
                            a.rows() / sums.rows(),
                            a.columns(),
                            a.rowBytes(),
                            b.rowBytes(),
                            sums.rowBytes());
            products.of(form).run(passes.address(a), passes.address(b), passes.address(sums));
        }
    }

    /** On the Vector API, for one storage type of activations ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements ImageScale {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;

        Vectors(MemorySegment memory) {
            super(memory);
        }

        private FloatVector load(long at, VectorMask<Float> mask) {
            return mask.allTrue()
                    ? StoredVector.load(FLOATS, memory, at)
                    : StoredVector.load(FLOATS, memory, at, mask);
        }

        private void store(FloatVector v, long at, VectorMask<Float> mask) {
            if (mask.allTrue()) {
                StoredVector.store(FLOATS, v, memory, at);
            } else {
                StoredVector.store(FLOATS, v, memory, at, mask);
            }
        }

        private static VectorMask<Float> mask(Matrix x, int c) {
            return SPECIES.indexInRange(c, x.columns());
        }

        private FloatVector multiplier(
                Matrix scale,
                @Nullable Matrix logits,
                Matrix factors,
                int image,
                int c,
                VectorMask<Float> mask) {
            FloatVector by = floats(scale, 0, c, mask).mul(get(factors, image, 0));
            if (logits == null) {
                return by;
            }
            FloatVector z = floats(logits, image, c, mask);
            return by.mul(z.add(3).div(6).max(0).min(1));
        }

        @Override
        public void scaleImages(
                Matrix x,
                Matrix scale,
                @Nullable Matrix logits,
                Matrix factors,
                @Nullable Matrix means,
                Matrix out) {
            int pixels = x.rows() / factors.rows();
            for (int image = 0; image < factors.rows(); image++) {
                for (int c = 0; c < x.columns(); c += LANES) {
                    VectorMask<Float> mask = mask(x, c);
                    FloatVector by = multiplier(scale, logits, factors, image, c, mask);
                    FloatVector plus =
                            means == null ? zero() : floats(means, image, c, mask).div(pixels);
                    for (int r = image * pixels; r < (image + 1) * pixels; r++) {
                        store(load(x.at(r, c), mask).fma(by, plus), out.at(r, c), mask);
                    }
                }
            }
        }

        @Override
        public void imageProducts(Matrix a, Matrix b, Matrix sums) {
            int pixels = a.rows() / sums.rows();
            for (int image = 0; image < sums.rows(); image++) {
                for (int c = 0; c < a.columns(); c += LANES) {
                    VectorMask<Float> mask = mask(a, c);
                    FloatVector sum = zero();
                    for (int r = image * pixels; r < (image + 1) * pixels; r++) {
                        sum = load(a.at(r, c), mask).fma(load(b.at(r, c), mask), sum);
                    }
                    set(sums, image, c, sum, mask);
                }
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements ImageScale {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void scaleImages(
                Matrix x,
                Matrix scale,
                @Nullable Matrix logits,
                Matrix factors,
                @Nullable Matrix means,
                Matrix out) {
            int pixels = x.rows() / factors.rows();
            for (int r = 0; r < x.rows(); r++) {
                int image = r / pixels;
                float factor = get(factors, image, 0);
                for (int c = 0; c < x.columns(); c++) {
                    float gate = logits == null ? 1 : hardSigmoid(get(logits, image, c));
                    float plus = means == null ? 0 : get(means, image, c) / pixels;
                    float by = get(scale, 0, c) * factor * gate;
                    set(out, r, c, Math.fma(get(x, r, c), by, plus));
                }
            }
        }

        @Override
        public void imageProducts(Matrix a, Matrix b, Matrix sums) {
            int pixels = a.rows() / sums.rows();
            for (int image = 0; image < sums.rows(); image++) {
                for (int c = 0; c < a.columns(); c++) {
                    float sum = 0;
                    for (int r = image * pixels; r < (image + 1) * pixels; r++) {
                        sum = Math.fma(get(a, r, c), get(b, r, c), sum);
                    }
                    set(sums, image, c, sum);
                }
            }
        }
    }
}
