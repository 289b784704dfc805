package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.GT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.NormaliseReluAveragePoolKernel;
import org.densenet4j.backend.cpu.jit.NormaliseReluMaxPoolKernel;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** Average and maximum pools behind BN-ReLU. */
interface Pooling {
    /** See {@link org.densenet4j.backend.Kernels#normaliseReluAveragePool}. */
    void normaliseReluAveragePool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#normaliseReluMaxPool}. */
    void normaliseReluMaxPool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#maxPoolBackward}. */
    void maxPoolBackward(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix out);

    /** Machine code. */
    final class Compiled extends StoredElements implements Pooling {
        private final CompiledPasses passes;
        private final KernelCache<
                        NormaliseReluAveragePoolKernel.Form, NormaliseReluAveragePoolKernel>
                averages;
        private final KernelCache<NormaliseReluMaxPoolKernel.Form, NormaliseReluMaxPoolKernel>
                maxima;

        Compiled(CompiledPasses passes) {
            super(passes.memory());
            this.passes = passes;
            averages = passes.kernels(NormaliseReluAveragePoolKernel::new);
            maxima = passes.kernels(NormaliseReluMaxPoolKernel::new);
        }

        @Override
        public void normaliseReluAveragePool(
                Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
            NormaliseReluAveragePoolKernel.Form form =
                    new NormaliseReluAveragePoolKernel.Form(
                            Target.storage(x.type()),
                            images,
                            height,
                            width,
                            x.columns(),
                            x.rowBytes(),
                            out.rowBytes(),
                            affine.rowBytes());
            averages.of(form).run(passes.address(x), passes.address(affine), passes.address(out));
        }

        @Override
        public void normaliseReluMaxPool(
                Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
            maxima.of(maximum(x, images, height, width, affine, out, null))
                    .run(passes.address(x), passes.address(affine), passes.address(out), 0);
        }

        @Override
        public void maxPoolBackward(
                Matrix pooledGradient,
                Matrix x,
                int images,
                int height,
                int width,
                Matrix affine,
                Matrix out) {
            fill(out, 0);
            NormaliseReluMaxPoolKernel.Form form =
                    maximum(x, images, height, width, affine, pooledGradient, out);
            maxima.of(form)
                    .run(
                            passes.address(x),
                            passes.address(affine),
                            passes.address(pooledGradient),
                            passes.address(out));
        }

        private static NormaliseReluMaxPoolKernel.Form maximum(
                Matrix x,
                int images,
                int height,
                int width,
                Matrix affine,
                Matrix pooled,
                Matrix gradient) {
            return new NormaliseReluMaxPoolKernel.Form(
                    Target.storage(x.type()),
                    images,
                    height,
                    width,
                    x.columns(),
                    gradient != null,
                    x.rowBytes(),
                    gradient != null ? gradient.rowBytes() : 0,
                    pooled.rowBytes(),
                    affine.rowBytes());
        }
    }

    /** On the Vector API, for one storage type of activations ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements Pooling {
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
        public void normaliseReluAveragePool(
                Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
            int outWidth = width / 2;
            int outRows = height / 2;
            long row = rowBytes(x);
            FloatVector zero = zero();
            for (int line = 0; line < images * outRows; line++) {
                int top = (line / outRows * height + 2 * (line % outRows)) * width;
                for (int c = 0; c < whole(x); c += LANES) {
                    FloatVector scale = floats(affine, 0, c);
                    FloatVector shift = floats(affine, 1, c);
                    long upper = x.at(top, c);
                    long lower = upper + width * row;
                    long to = out.at(line * outWidth, c);
                    for (int w = 0; w < outWidth; w++) {
                        long left = 2L * w * row;
                        long right = left + row;
                        FloatVector a = load(upper + left).fma(scale, shift).max(zero);
                        FloatVector b = load(upper + right).fma(scale, shift).max(zero);
                        FloatVector d = load(lower + left).fma(scale, shift).max(zero);
                        FloatVector e = load(lower + right).fma(scale, shift).max(zero);
                        store(a.add(b).add(d.add(e)).mul(0.25f), to + w * rowBytes(out));
                    }
                }
            }
            if (hasRest(x)) {
                loops.normaliseReluAveragePool(
                        rest(x, x), images, height, width, rest(affine, x), rest(out, x));
            }
        }

        @Override
        public void normaliseReluMaxPool(
                Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
            int outHeight = (height + 1) / 2;
            int outWidth = (width + 1) / 2;
            for (int line = 0; line < images * outHeight; line++) {
                int h = line % outHeight;
                int image = line / outHeight * height;
                int top = Math.max(0, 2 * h - 1);
                int bottom = Math.min(height, 2 * h + 2);
                for (int c = 0; c < whole(x); c += LANES) {
                    FloatVector scale = floats(affine, 0, c);
                    FloatVector shift = floats(affine, 1, c);
                    long to = out.at(line * outWidth, c);
                    for (int w = 0; w < outWidth; w++) {
                        int left = Math.max(0, 2 * w - 1);
                        int right = Math.min(width, 2 * w + 2);
                        FloatVector best = zero();
                        for (int y = top; y < bottom; y++) {
                            long at = x.at((image + y) * width, c);
                            for (int z = left; z < right; z++) {
                                best = best.max(load(at + z * rowBytes(x)).fma(scale, shift));
                            }
                        }
                        store(best, to + w * rowBytes(out));
                    }
                }
            }
            if (hasRest(x)) {
                loops.normaliseReluMaxPool(
                        rest(x, x), images, height, width, rest(affine, x), rest(out, x));
            }
        }

        @Override
        public void maxPoolBackward(
                Matrix pooledGradient,
                Matrix x,
                int images,
                int height,
                int width,
                Matrix affine,
                Matrix out) {
            fill(out, 0);
            int outHeight = (height + 1) / 2;
            int outWidth = (width + 1) / 2;
            for (int line = 0; line < images * outHeight; line++) {
                int h = line % outHeight;
                int top = Math.max(0, 2 * h - 1);
                int lines = Math.min(height, 2 * h + 2) - top;
                int above = (line / outHeight * height + top) * width;
                for (int c = 0; c < whole(x); c += LANES) {
                    for (int w = 0; w < outWidth; w++) {
                        int left = Math.max(0, 2 * w - 1);
                        int columns = Math.min(width, 2 * w + 2) - left;
                        giveToMaximum(
                                x.at(above + left, c),
                                rowBytes(x),
                                out.at(above + left, c),
                                rowBytes(out),
                                lines,
                                columns,
                                width,
                                affine.at(0, c),
                                affine.at(1, c),
                                pooledGradient.at(line * outWidth + w, c));
                    }
                }
            }
            if (hasRest(x)) {
                loops.maxPoolBackward(
                        rest(pooledGradient, x),
                        rest(x, x),
                        images,
                        height,
                        width,
                        rest(affine, x),
                        rest(out, x));
            }
        }

        /**
         * Adds a pooled gradient to the first tap that reaches the maximum. Negative maxima are cut
         * off by the ReLU behind, so zero is the start. Addresses, not vectors, are handed over: a
         * vector that is an argument of a method which is not inlined goes through the heap.
         */
        private void giveToMaximum(
                long x,
                long xRow,
                long out,
                long outRow,
                int lines,
                int columns,
                int width,
                long scales,
                long shifts,
                long gradient) {
            FloatVector scale = StoredVector.load(true, memory, scales);
            FloatVector shift = StoredVector.load(true, memory, shifts);
            FloatVector zero = zero();
            FloatVector best = zero;
            for (int y = 0; y < lines; y++) {
                for (int z = 0; z < columns; z++) {
                    best = best.max(load(x + (y * width + z) * xRow).fma(scale, shift));
                }
            }
            FloatVector rest = zero.blend(load(gradient), best.compare(GT, 0f));
            for (int y = 0; y < lines; y++) {
                for (int z = 0; z < columns; z++) {
                    FloatVector v = load(x + (y * width + z) * xRow).fma(scale, shift);
                    VectorMask<Float> hit = v.eq(best);
                    long at = out + (y * width + z) * outRow;
                    store(load(at).add(zero.blend(rest, hit)), at);
                    rest = rest.blend(zero, hit);
                }
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements Pooling {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void normaliseReluAveragePool(
                Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
            int outHeight = height / 2;
            int outWidth = width / 2;
            for (int i = 0; i < images; i++) {
                for (int h = 0; h < outHeight; h++) {
                    for (int w = 0; w < outWidth; w++) {
                        int row = (i * height + 2 * h) * width + 2 * w;
                        int outRow = (i * outHeight + h) * outWidth + w;
                        for (int c = 0; c < x.columns(); c++) {
                            float sum =
                                    (relu(x, row, c, affine) + relu(x, row + 1, c, affine))
                                            + (relu(x, row + width, c, affine)
                                                    + relu(x, row + width + 1, c, affine));
                            set(out, outRow, c, 0.25f * sum);
                        }
                    }
                }
            }
        }

        @Override
        public void normaliseReluMaxPool(
                Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
            int outHeight = (height + 1) / 2;
            int outWidth = (width + 1) / 2;
            for (int i = 0; i < images; i++) {
                for (int h = 0; h < outHeight; h++) {
                    for (int w = 0; w < outWidth; w++) {
                        int outRow = (i * outHeight + h) * outWidth + w;
                        for (int c = 0; c < x.columns(); c++) {
                            float best = 0;
                            for (int y = Math.max(0, 2 * h - 1);
                                    y < Math.min(height, 2 * h + 2);
                                    y++) {
                                for (int z = Math.max(0, 2 * w - 1);
                                        z < Math.min(width, 2 * w + 2);
                                        z++) {
                                    float v =
                                            normalised(x, (i * height + y) * width + z, c, affine);
                                    best = Math.max(best, v);
                                }
                            }
                            set(out, outRow, c, best);
                        }
                    }
                }
            }
        }

        @Override
        public void maxPoolBackward(
                Matrix pooledGradient,
                Matrix x,
                int images,
                int height,
                int width,
                Matrix affine,
                Matrix out) {
            fill(out, 0);
            int outHeight = (height + 1) / 2;
            int outWidth = (width + 1) / 2;
            for (int i = 0; i < images; i++) {
                for (int h = 0; h < outHeight; h++) {
                    for (int w = 0; w < outWidth; w++) {
                        int outRow = (i * outHeight + h) * outWidth + w;
                        for (int c = 0; c < x.columns(); c++) {
                            float best = 0;
                            int source = -1;
                            for (int y = Math.max(0, 2 * h - 1);
                                    y < Math.min(height, 2 * h + 2);
                                    y++) {
                                for (int z = Math.max(0, 2 * w - 1);
                                        z < Math.min(width, 2 * w + 2);
                                        z++) {
                                    int row = (i * height + y) * width + z;
                                    float v = normalised(x, row, c, affine);
                                    if (v > best) {
                                        best = v;
                                        source = row;
                                    }
                                }
                            }
                            if (source >= 0) {
                                float sum = get(out, source, c) + get(pooledGradient, outRow, c);
                                set(out, source, c, sum);
                            }
                        }
                    }
                }
            }
        }
    }
}
