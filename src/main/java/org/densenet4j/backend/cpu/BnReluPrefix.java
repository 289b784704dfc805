package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.AffineRowsKernel;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** The batch-normalised, rectified prefix that is never stored whole. */
interface BnReluPrefix {
    /** See {@link org.densenet4j.backend.Kernels#normaliseRelu}. */
    void normaliseRelu(Matrix x, Matrix affine, Matrix out);

    /** Machine code. */
    final class Compiled implements BnReluPrefix {
        private final CompiledPasses passes;
        private final KernelCache<AffineRowsKernel.Form, AffineRowsKernel> kernels;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            this.kernels = passes.kernels(AffineRowsKernel::new);
        }

        @Override
        public void normaliseRelu(Matrix x, Matrix affine, Matrix out) {
            AffineRowsKernel.Form form =
                    new AffineRowsKernel.Form(
                            Target.storage(x.type()),
                            x.rows(),
                            x.columns(),
                            x.rowBytes(),
                            out.rowBytes(),
                            true,
                            true);
            kernels.of(form)
                    .run(
                            passes.address(x),
                            passes.address(out),
                            passes.address(affine.row(0)),
                            passes.address(affine.row(1)));
        }
    }

    /** On the Vector API, for one storage type of activations ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements BnReluPrefix {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
        private static final int BYTES = STORAGE.bytes();

        /** Up to this many channels a row is too short a loop, and lies in the cache anyway. */
        private static final int NARROW = 64;

        Vectors(MemorySegment memory) {
            super(memory);
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
        public void normaliseRelu(Matrix x, Matrix affine, Matrix out) {
            if (whole(x) <= NARROW) {
                for (int c = 0; c < whole(x); c += LANES) {
                    normaliseReluOfColumns(x, affine, out, c);
                }
            } else {
                normaliseReluOfRows(x, affine, out);
            }
            if (hasRest(x)) {
                normaliseReluOfRest(x, affine, out);
            }
        }

        private void normaliseReluOfColumns(Matrix x, Matrix affine, Matrix out, int c) {
            FloatVector scale = floats(affine, 0, c);
            FloatVector shift = floats(affine, 1, c);
            FloatVector zero = zero();
            long from = x.at(0, c);
            long to = out.at(0, c);
            long xRow = rowBytes(x);
            long outRow = rowBytes(out);
            for (int r = 0; r < x.rows(); r++) {
                store(load(from + r * xRow).fma(scale, shift).max(zero), to + r * outRow);
            }
        }

        private void normaliseReluOfRows(Matrix x, Matrix affine, Matrix out) {
            long scales = affine.at(0, 0);
            long shifts = affine.at(1, 0);
            FloatVector zero = zero();
            int whole = whole(x);
            for (int r = 0; r < x.rows(); r++) {
                long from = x.at(r, 0);
                long to = out.at(r, 0);
                for (int c = 0; c < whole; c += LANES) {
                    long b = c * 4L;
                    FloatVector scale =
                            FloatVector.fromMemorySegment(SPECIES, memory, scales + b, ORDER);
                    FloatVector shift =
                            FloatVector.fromMemorySegment(SPECIES, memory, shifts + b, ORDER);
                    long i = (long) c * BYTES;
                    store(load(from + i).fma(scale, shift).max(zero), to + i);
                }
            }
        }

        private void normaliseReluOfRest(Matrix x, Matrix affine, Matrix out) {
            VectorMask<Float> mask = restMask(x);
            int c = whole(x);
            FloatVector scale = floats(affine, 0, c, mask);
            FloatVector shift = floats(affine, 1, c, mask);
            FloatVector zero = zero();
            long from = x.at(0, c);
            long to = out.at(0, c);
            for (int r = 0; r < x.rows(); r++) {
                FloatVector v = load(from + r * rowBytes(x), mask);
                store(v.fma(scale, shift).max(zero), to + r * rowBytes(out), mask);
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements BnReluPrefix {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void normaliseRelu(Matrix x, Matrix affine, Matrix out) {
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < x.columns(); c++) {
                    set(out, r, c, relu(x, r, c, affine));
                }
            }
        }
    }
}
