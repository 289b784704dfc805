package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.DepthwiseShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.DepthwiseKernel;
import org.densenet4j.backend.cpu.jit.DepthwiseWeightGradientKernel;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** Depthwise convolutions, with their gradients. */
interface Depthwise {
    /** Whether this is for such a shape. */
    default boolean takes(DepthwiseShape shape) {
        return true;
    }

    /** See {@link org.densenet4j.backend.Kernels#depthwise}. */
    void depthwise(
            Matrix x, int images, DepthwiseShape shape, Matrix weights, Matrix bias, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#depthwiseGradient}. */
    void depthwiseGradient(
            Matrix outputGradient,
            int images,
            DepthwiseShape shape,
            Matrix weights,
            boolean add,
            Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#addDepthwiseWeightGradient}. */
    void addDepthwiseWeightGradient(
            Matrix x, Matrix outputGradient, int images, DepthwiseShape shape, Matrix sums);

    /** Machine code, for kernels of which a row fits into registers. */
    final class Compiled implements Depthwise {
        private final CompiledPasses passes;
        private final KernelCache<DepthwiseKernel.Form, DepthwiseKernel> kernels;
        private final KernelCache<DepthwiseWeightGradientKernel.Form, DepthwiseWeightGradientKernel>
                weightGradients;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            kernels = passes.kernels(DepthwiseKernel::new);
            weightGradients = passes.kernels(DepthwiseWeightGradientKernel::new);
        }

        @Override
        public boolean takes(DepthwiseShape shape) {
            return shape.kernel() <= DepthwiseKernel.mostTaps(passes.set());
        }

        @Override
        public void depthwise(
                Matrix x,
                int images,
                DepthwiseShape shape,
                Matrix weights,
                Matrix bias,
                Matrix out) {
            run(x, images, shape, weights, bias, false, out);
        }

        @Override
        public void depthwiseGradient(
                Matrix outputGradient,
                int images,
                DepthwiseShape shape,
                Matrix weights,
                boolean add,
                Matrix out) {
            run(outputGradient, images, shape, weights, null, add, out);
        }

        /** With the kernels turned by 180 degrees where there is no bias, as the gradient wants. */
        private void run(
                Matrix x,
                int images,
                DepthwiseShape s,
                Matrix weights,
                @Nullable Matrix bias,
                boolean add,
                Matrix out) {
            DepthwiseKernel.Form form =
                    new DepthwiseKernel.Form(
                            Target.storage(x.type()),
                            images,
                            s.height(),
                            s.width(),
                            s.kernel(),
                            x.columns(),
                            bias != null,
                            bias == null,
                            add,
                            x.rowBytes(),
                            weights.rowBytes(),
                            out.rowBytes());
            kernels.of(form)
                    .run(
                            passes.address(x),
                            passes.address(weights),
                            bias == null ? 0 : passes.address(bias),
                            passes.address(out));
        }

        @Override
        public void addDepthwiseWeightGradient(
                Matrix x, Matrix outputGradient, int images, DepthwiseShape s, Matrix sums) {
            DepthwiseWeightGradientKernel.Form form =
                    new DepthwiseWeightGradientKernel.Form(
                            Target.storage(x.type()),
                            images,
                            s.height(),
                            s.width(),
                            s.kernel(),
                            x.columns(),
                            x.rowBytes(),
                            outputGradient.rowBytes(),
                            sums.rowBytes());
            weightGradients
                    .of(form)
                    .run(passes.address(x), passes.address(outputGradient), passes.address(sums));
        }
    }

    /**
     * On the Vector API, for one storage type of activations ({@link StorageCopy}). Four vectors of
     * channels at a time, so that as many sums are under way as an addition takes; their weights
     * stay in the first-level cache while all pixels go by.
     */
    final class Vectors extends VectorElements implements Depthwise {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
        private static final int FOUR = 4 * LANES;
        private static final long STEP = (long) LANES * STORAGE.bytes();
        private static final long FLOAT_STEP = (long) LANES * Float.BYTES;
        private final Loops loops;

        Vectors(MemorySegment memory) {
            super(memory);
            loops = new Loops(memory);
        }

        private FloatVector load(long at) {
            return StoredVector.load(FLOATS, memory, at);
        }

        private void store(FloatVector v, long at, boolean add) {
            StoredVector.store(FLOATS, add ? v.add(load(at)) : v, memory, at);
        }

        @Override
        public void depthwise(
                Matrix x,
                int images,
                DepthwiseShape shape,
                Matrix weights,
                Matrix bias,
                Matrix out) {
            int c = convolve(x, images, shape, weights, bias, 1, false, out);
            if (c < x.columns()) {
                int rest = x.columns() - c;
                loops.depthwise(
                        x.columns(c, rest),
                        images,
                        shape,
                        weights.columns(c, rest),
                        bias.columns(c, rest),
                        out.columns(c, rest));
            }
        }

        @Override
        public void depthwiseGradient(
                Matrix outputGradient,
                int images,
                DepthwiseShape shape,
                Matrix weights,
                boolean add,
                Matrix out) {
            int c = convolve(outputGradient, images, shape, weights, null, -1, add, out);
            if (c < out.columns()) {
                int rest = out.columns() - c;
                loops.depthwiseGradient(
                        outputGradient.columns(c, rest),
                        images,
                        shape,
                        weights.columns(c, rest),
                        add,
                        out.columns(c, rest));
            }
        }

        /**
         * Convolves what fills vectors.
         *
         * @param direction 1, or −1 with the kernels turned by 180 degrees
         * @return how many channels those are
         */
        private int convolve(
                Matrix x,
                int images,
                DepthwiseShape s,
                Matrix weights,
                @Nullable Matrix bias,
                int direction,
                boolean add,
                Matrix out) {
            int c = 0;
            while (c + LANES <= x.columns()) {
                boolean four = c + FOUR <= x.columns();
                for (int r = 0; r < images * s.pixels(); r++) {
                    if (four) {
                        fourOf(x, r, s, weights, bias, direction, add, out, c);
                    } else {
                        oneOf(x, r, s, weights, bias, direction, add, out, c);
                    }
                }
                c += four ? FOUR : LANES;
            }
            return c;
        }

        private void fourOf(
                Matrix x,
                int r,
                DepthwiseShape s,
                Matrix weights,
                @Nullable Matrix bias,
                int direction,
                boolean add,
                Matrix out,
                int c) {
            int column = r % s.width();
            int row = r / s.width() % s.height();
            int left = s.firstTap(column);
            int right = s.endTap(column, s.width());
            FloatVector sum0 = zero();
            FloatVector sum1 = zero();
            FloatVector sum2 = zero();
            FloatVector sum3 = zero();
            if (bias != null) {
                long at = bias.at(0, c);
                sum0 = floats(at);
                sum1 = floats(at + FLOAT_STEP);
                sum2 = floats(at + 2 * FLOAT_STEP);
                sum3 = floats(at + 3 * FLOAT_STEP);
            }
            long pixel = x.rowBytes();
            long tap = direction * weights.rowBytes();
            for (int y = s.firstTap(row); y < s.endTap(row, s.height()); y++) {
                int line = y * s.kernel() + left;
                long w = weights.at(direction > 0 ? line : s.taps() - 1 - line, c);
                int below = y - s.padding();
                long from = x.at(r + below * s.width() + left - s.padding(), c);
                for (int z = left; z < right; z++) {
                    sum0 = load(from).fma(floats(w), sum0);
                    sum1 = load(from + STEP).fma(floats(w + FLOAT_STEP), sum1);
                    sum2 = load(from + 2 * STEP).fma(floats(w + 2 * FLOAT_STEP), sum2);
                    sum3 = load(from + 3 * STEP).fma(floats(w + 3 * FLOAT_STEP), sum3);
                    from += pixel;
                    w += tap;
                }
            }
            long to = out.at(r, c);
            store(sum0, to, add);
            store(sum1, to + STEP, add);
            store(sum2, to + 2 * STEP, add);
            store(sum3, to + 3 * STEP, add);
        }

        private void oneOf(
                Matrix x,
                int r,
                DepthwiseShape s,
                Matrix weights,
                @Nullable Matrix bias,
                int direction,
                boolean add,
                Matrix out,
                int c) {
            int column = r % s.width();
            int row = r / s.width() % s.height();
            int left = s.firstTap(column);
            int right = s.endTap(column, s.width());
            FloatVector sum = bias == null ? zero() : floats(bias, 0, c);
            long pixel = x.rowBytes();
            long tap = direction * weights.rowBytes();
            for (int y = s.firstTap(row); y < s.endTap(row, s.height()); y++) {
                int line = y * s.kernel() + left;
                long w = weights.at(direction > 0 ? line : s.taps() - 1 - line, c);
                int below = y - s.padding();
                long from = x.at(r + below * s.width() + left - s.padding(), c);
                for (int z = left; z < right; z++) {
                    sum = load(from).fma(floats(w), sum);
                    from += pixel;
                    w += tap;
                }
            }
            store(sum, out.at(r, c), add);
        }

        @Override
        public void addDepthwiseWeightGradient(
                Matrix x, Matrix outputGradient, int images, DepthwiseShape shape, Matrix sums) {
            int c = 0;
            while (c + LANES <= x.columns()) {
                boolean four = c + FOUR <= x.columns();
                for (int line = 0; line < images * shape.height(); line++) {
                    addLine(x, outputGradient, line, shape, sums, c, four);
                }
                c += four ? FOUR : LANES;
            }
            if (c < x.columns()) {
                int rest = x.columns() - c;
                loops.addDepthwiseWeightGradient(
                        x.columns(c, rest),
                        outputGradient.columns(c, rest),
                        images,
                        shape,
                        sums.columns(c, rest));
            }
        }

        /** What a line of the output's gradient adds to every place of the kernels. */
        private void addLine(
                Matrix x, Matrix g, int line, DepthwiseShape s, Matrix sums, int c, boolean four) {
            int row = line % s.height();
            for (int y = s.firstTap(row); y < s.endTap(row, s.height()); y++) {
                int source = (line + y - s.padding()) * s.width();
                for (int z = 0; z < s.kernel(); z++) {
                    int shift = z - s.padding();
                    int first = Math.max(0, -shift);
                    int count = Math.min(s.width(), s.width() - shift) - first;
                    if (count <= 0) {
                        continue;
                    }
                    long xs = x.at(source + first + shift, c);
                    long gs = g.at(line * s.width() + first, c);
                    long to = sums.at(y * s.kernel() + z, c);
                    if (four) {
                        addFour(xs, x.rowBytes(), gs, g.rowBytes(), count, to);
                    } else {
                        addOne(xs, x.rowBytes(), gs, g.rowBytes(), count, to);
                    }
                }
            }
        }

        private void addFour(long xs, long xRow, long gs, long gRow, int count, long to) {
            FloatVector sum0 = floats(to);
            FloatVector sum1 = floats(to + FLOAT_STEP);
            FloatVector sum2 = floats(to + 2 * FLOAT_STEP);
            FloatVector sum3 = floats(to + 3 * FLOAT_STEP);
            for (int i = 0; i < count; i++) {
                long a = xs + i * xRow;
                long b = gs + i * gRow;
                sum0 = load(a).fma(load(b), sum0);
                sum1 = load(a + STEP).fma(load(b + STEP), sum1);
                sum2 = load(a + 2 * STEP).fma(load(b + 2 * STEP), sum2);
                sum3 = load(a + 3 * STEP).fma(load(b + 3 * STEP), sum3);
            }
            setFloats(sum0, to);
            setFloats(sum1, to + FLOAT_STEP);
            setFloats(sum2, to + 2 * FLOAT_STEP);
            setFloats(sum3, to + 3 * FLOAT_STEP);
        }

        private void addOne(long xs, long xRow, long gs, long gRow, int count, long to) {
            FloatVector sum = floats(to);
            for (int i = 0; i < count; i++) {
                sum = load(xs + i * xRow).fma(load(gs + i * gRow), sum);
            }
            setFloats(sum, to);
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements Depthwise {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void depthwise(
                Matrix x,
                int images,
                DepthwiseShape shape,
                Matrix weights,
                Matrix bias,
                Matrix out) {
            for (int r = 0; r < images * shape.pixels(); r++) {
                for (int c = 0; c < x.columns(); c++) {
                    float sum = convolved(x, r, c, shape, weights, 1, get(bias, 0, c));
                    set(out, r, c, sum);
                }
            }
        }

        @Override
        public void depthwiseGradient(
                Matrix outputGradient,
                int images,
                DepthwiseShape shape,
                Matrix weights,
                boolean add,
                Matrix out) {
            for (int r = 0; r < images * shape.pixels(); r++) {
                for (int c = 0; c < out.columns(); c++) {
                    float sum = convolved(outputGradient, r, c, shape, weights, -1, 0);
                    set(out, r, c, add ? get(out, r, c) + sum : sum);
                }
            }
        }

        private float convolved(
                Matrix x,
                int r,
                int c,
                DepthwiseShape s,
                Matrix weights,
                int direction,
                float start) {
            int column = r % s.width();
            int row = r / s.width() % s.height();
            float sum = start;
            for (int y = s.firstTap(row); y < s.endTap(row, s.height()); y++) {
                for (int z = s.firstTap(column); z < s.endTap(column, s.width()); z++) {
                    int tap = y * s.kernel() + z;
                    int from = r + (y - s.padding()) * s.width() + z - s.padding();
                    float w = get(weights, direction > 0 ? tap : s.taps() - 1 - tap, c);
                    sum = Math.fma(w, get(x, from, c), sum);
                }
            }
            return sum;
        }

        @Override
        public void addDepthwiseWeightGradient(
                Matrix x, Matrix outputGradient, int images, DepthwiseShape s, Matrix sums) {
            for (int r = 0; r < images * s.pixels(); r++) {
                int column = r % s.width();
                int row = r / s.width() % s.height();
                for (int y = s.firstTap(row); y < s.endTap(row, s.height()); y++) {
                    for (int z = s.firstTap(column); z < s.endTap(column, s.width()); z++) {
                        int tap = y * s.kernel() + z;
                        int from = r + (y - s.padding()) * s.width() + z - s.padding();
                        for (int c = 0; c < x.columns(); c++) {
                            float product = get(x, from, c) * get(outputGradient, r, c);
                            set(sums, tap, c, get(sums, tap, c) + product);
                        }
                    }
                }
            }
        }
    }
}
