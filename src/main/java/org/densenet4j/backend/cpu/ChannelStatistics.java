package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.AppendFeaturesKernel;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** Statistics of new channels, chunk by chunk. */
interface ChannelStatistics {
    /** See {@link org.densenet4j.backend.Kernels#channelStatistics}. */
    void channelStatistics(Matrix x, Matrix partial);

    /** Machine code: that of {@link AppendFeatures}, which copies nothing. */
    final class Compiled implements ChannelStatistics {
        private final CompiledPasses passes;
        private final KernelCache<AppendFeaturesKernel.Form, AppendFeaturesKernel> kernels;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            kernels = passes.kernels(AppendFeaturesKernel::new);
        }

        @Override
        public void channelStatistics(Matrix x, Matrix partial) {
            AppendFeaturesKernel.Form form =
                    new AppendFeaturesKernel.Form(
                            Target.storage(x.type()),
                            x.rows(),
                            x.columns(),
                            x.rowBytes(),
                            false,
                            x.rowBytes(),
                            partial.rowBytes());
            kernels.of(form).run(passes.address(x), passes.address(x), passes.address(partial));
        }
    }

    /** On the Vector API, for one storage type of activations ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements ChannelStatistics {
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

        private static long rowBytes(Matrix x) {
            return (long) x.stride() * BYTES;
        }

        @Override
        public void channelStatistics(Matrix x, Matrix partial) {
            fill(partial, 0);
            for (int first = 0; first < x.rows(); first += TILE) {
                int end = Math.min(first + TILE, x.rows());
                for (int c = 0; c < whole(x); c += LANES) {
                    addDeviations(x, c, first, end, partial);
                }
                if (hasRest(x)) {
                    addDeviationsOfRest(x, first, end, partial);
                }
            }
            for (int c = 0; c < whole(x); c += LANES) {
                FloatVector sum = floats(partial, 0, c);
                FloatVector mean = sum.div(x.rows());
                set(partial, 1, c, floats(partial, 1, c).sub(sum.mul(mean)).max(0f));
                set(partial, 0, c, load(x.at(0, c)).add(mean));
            }
            if (hasRest(x)) {
                int c = whole(x);
                VectorMask<Float> mask = restMask(x);
                FloatVector sum = floats(partial, 0, c, mask);
                FloatVector mean = sum.div(x.rows());
                set(partial, 1, c, floats(partial, 1, c, mask).sub(sum.mul(mean)).max(0f), mask);
                set(partial, 0, c, load(x.at(0, c), mask).add(mean), mask);
            }
        }

        /**
         * Sums of deviations from the first row, so that a large mean does not cancel the variance.
         */
        private void addDeviations(Matrix x, int c, int first, int end, Matrix partial) {
            long row = rowBytes(x);
            long at = x.at(0, c);
            FloatVector shift = load(at);
            FloatVector sum = floats(partial, 0, c);
            FloatVector squares = floats(partial, 1, c);
            for (int r = first; r < end; r++) {
                FloatVector d = load(at + r * row).sub(shift);
                sum = sum.add(d);
                squares = d.fma(d, squares);
            }
            set(partial, 0, c, sum);
            set(partial, 1, c, squares);
        }

        private void addDeviationsOfRest(Matrix x, int first, int end, Matrix partial) {
            VectorMask<Float> mask = restMask(x);
            int c = whole(x);
            long row = rowBytes(x);
            long at = x.at(0, c);
            FloatVector shift = load(at, mask);
            FloatVector sum = floats(partial, 0, c, mask);
            FloatVector squares = floats(partial, 1, c, mask);
            for (int r = first; r < end; r++) {
                FloatVector d = load(at + r * row, mask).sub(shift);
                sum = sum.add(d);
                squares = d.fma(d, squares);
            }
            set(partial, 0, c, sum, mask);
            set(partial, 1, c, squares, mask);
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements ChannelStatistics {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void channelStatistics(Matrix x, Matrix partial) {
            for (int c = 0; c < x.columns(); c++) {
                // Shifted by the first row's value, so that a large mean does not cancel the
                // variance.
                float shift = get(x, 0, c);
                float sum = 0;
                float squares = 0;
                for (int r = 0; r < x.rows(); r++) {
                    float d = get(x, r, c) - shift;
                    sum += d;
                    squares = Math.fma(d, d, squares);
                }
                setStatistics(partial, c, shift, sum, squares, x.rows());
            }
        }

        private void setStatistics(
                Matrix partial, int c, float shift, float sum, float squares, int rows) {
            float mean = sum / rows;
            set(partial, 0, c, shift + mean);
            set(partial, 1, c, Math.max(0f, squares - sum * mean));
        }
    }
}
