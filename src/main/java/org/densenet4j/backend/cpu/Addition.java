package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.AddKernel;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** A matrix that is added to another. */
interface Addition {
    /** See {@link org.densenet4j.backend.Kernels#add}. */
    void add(Matrix source, Matrix target);

    /** Machine code for matrices of one type. */
    final class Compiled implements Addition {
        private final CompiledPasses passes;
        private final KernelCache<AddKernel.Form, AddKernel> kernels;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            this.kernels = passes.kernels(AddKernel::new);
        }

        @Override
        public void add(Matrix source, Matrix target) {
            AddKernel.Form form =
                    new AddKernel.Form(
                            Target.storage(source.type()),
                            source.rows(),
                            source.columns(),
                            source.rowBytes(),
                            target.rowBytes());
            kernels.of(form).run(passes.address(source), passes.address(target));
        }
    }

    /**
     * On the Vector API, for one storage type of matrices ({@link StorageCopy}). Columns that do
     * not fill a vector, and sums of different types, are left to the plain loops.
     */
    final class Vectors extends VectorElements implements Addition {
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

        @Override
        public void add(Matrix source, Matrix target) {
            if (source.type() != target.type()) {
                loops.add(source, target);
                return;
            }
            int whole = whole(source);
            for (int r = 0; r < source.rows(); r++) {
                long from = source.at(r, 0);
                long to = target.at(r, 0);
                for (int c = 0; c < whole; c += LANES) {
                    long i = (long) c * BYTES;
                    FloatVector sum = load(to + i).add(load(from + i));
                    StoredVector.store(FLOATS, sum, memory, to + i);
                }
            }
            if (hasRest(source)) {
                loops.add(rest(source), rest(target));
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements Addition {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void add(Matrix source, Matrix target) {
            for (int r = 0; r < source.rows(); r++) {
                for (int c = 0; c < source.columns(); c++) {
                    set(target, r, c, get(target, r, c) + get(source, r, c));
                }
            }
        }
    }
}
