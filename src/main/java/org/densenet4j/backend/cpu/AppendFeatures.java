package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.AppendFeaturesKernel;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** New features, copied to their columns of the block: what other frameworks concatenate. */
interface AppendFeatures {
    /** See {@link org.densenet4j.backend.Kernels#appendFeatures}. */
    void appendFeatures(Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial);

    /** Machine code, without dropout. */
    final class Compiled implements AppendFeatures {
        private final CompiledPasses passes;
        private final KernelCache<AppendFeaturesKernel.Form, AppendFeaturesKernel> kernels;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            kernels = passes.kernels(AppendFeaturesKernel::new);
        }

        @Override
        public void appendFeatures(
                Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial) {
            if (dropout.active()) {
                throw new IllegalArgumentException("there is no machine code for dropout");
            }
            AppendFeaturesKernel.Form form =
                    new AppendFeaturesKernel.Form(
                            Target.storage(y.type()),
                            y.rows(),
                            y.columns(),
                            y.rowBytes(),
                            true,
                            columns.rowBytes(),
                            partial.rowBytes());
            kernels.of(form)
                    .run(passes.address(y), passes.address(columns), passes.address(partial));
        }
    }

    /** On the Vector API, for one storage type of activations ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements AppendFeatures {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
        private static final int BYTES = STORAGE.bytes();
        private final ElementDropout drops;
        private final ChannelStatistics statistics;

        Vectors(MemorySegment memory) {
            super(memory);
            drops = new ElementDropout(memory);
            statistics =
                    StorageCopy.of(
                            ChannelStatistics.class,
                            ChannelStatistics.Vectors.class,
                            STORAGE,
                            memory);
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
        public void appendFeatures(
                Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial) {
            copyRows(y, columns);
            drops.apply(columns, firstRow, dropout);
            statistics.channelStatistics(columns, partial);
        }

        private void copyRows(Matrix source, Matrix target) {
            int whole = whole(source);
            for (int r = 0; r < source.rows(); r++) {
                long from = source.at(r, 0);
                long to = target.at(r, 0);
                for (int c = 0; c < whole; c += LANES) {
                    long i = (long) c * BYTES;
                    store(load(from + i), to + i);
                }
            }
            if (hasRest(source)) {
                VectorMask<Float> mask = restMask(source);
                long from = source.at(0, whole);
                long to = target.at(0, whole);
                for (int r = 0; r < source.rows(); r++) {
                    store(load(from + r * rowBytes(source), mask), to + r * rowBytes(target), mask);
                }
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements AppendFeatures {
        private final Elementwise copies;
        private final ElementDropout drops;
        private final ChannelStatistics statistics;

        Loops(MemorySegment memory) {
            super(memory);
            copies = new Elementwise.Loops(memory);
            drops = new ElementDropout(memory);
            statistics = new ChannelStatistics.Loops(memory);
        }

        @Override
        public void appendFeatures(
                Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial) {
            copies.copy(y, columns);
            drops.apply(columns, firstRow, dropout);
            statistics.channelStatistics(columns, partial);
        }
    }
}
