package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.AffineRowsKernel;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** A float32 bias of each column. */
interface AddBias {
    /** See {@link org.densenet4j.backend.Kernels#addBias}. */
    void addBias(Matrix x, Matrix bias);

    /** Machine code. */
    final class Compiled implements AddBias {
        private final CompiledPasses passes;
        private final KernelCache<AffineRowsKernel.Form, AffineRowsKernel> kernels;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            this.kernels = passes.kernels(AffineRowsKernel::new);
        }

        @Override
        public void addBias(Matrix x, Matrix bias) {
            AffineRowsKernel.Form form =
                    new AffineRowsKernel.Form(
                            Target.storage(x.type()),
                            x.rows(),
                            x.columns(),
                            x.rowBytes(),
                            x.rowBytes(),
                            false,
                            false);
            long at = passes.address(x);
            kernels.of(form).run(at, at, 0, passes.address(bias));
        }
    }

    /** On the Vector API, for one storage type of matrices ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements AddBias {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
        private static final int BYTES = STORAGE.bytes();
        private final Loops loops;

        Vectors(MemorySegment memory) {
            super(memory);
            loops = new Loops(memory);
        }

        @Override
        public void addBias(Matrix x, Matrix bias) {
            int whole = whole(x);
            long biases = bias.at(0, 0);
            for (int r = 0; r < x.rows(); r++) {
                long to = x.at(r, 0);
                for (int c = 0; c < whole; c += LANES) {
                    long i = to + (long) c * BYTES;
                    FloatVector v = StoredVector.load(FLOATS, memory, i);
                    StoredVector.store(FLOATS, v.add(floats(biases + c * 4L)), memory, i);
                }
            }
            if (hasRest(x)) {
                loops.addBias(rest(x), rest(bias));
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements AddBias {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void addBias(Matrix x, Matrix bias) {
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < x.columns(); c++) {
                    set(x, r, c, get(x, r, c) + get(bias, 0, c));
                }
            }
        }
    }
}
