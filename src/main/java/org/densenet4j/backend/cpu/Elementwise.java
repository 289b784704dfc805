package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.IS_NAN;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** Copies, also between types, and constants. */
interface Elementwise {
    /** See {@link org.densenet4j.backend.Kernels#copy}. */
    void copy(Matrix source, Matrix target);

    /** See {@link org.densenet4j.backend.Kernels#fill}. */
    void fill(Matrix target, float value);

    /**
     * On the Vector API, for one storage type of matrices ({@link StorageCopy}). Columns that do
     * not fill a vector are left to the plain loops.
     */
    final class Vectors extends VectorElements implements Elementwise {
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

        /** Between float32 and this class's storage type, or within one type. */
        @Override
        public void copy(Matrix source, Matrix target) {
            if (source.type() == target.type()) {
                move(source, target);
                return;
            }
            int whole = whole(source);
            boolean widening = target.type() == DataType.FLOAT32;
            for (int r = 0; r < source.rows(); r++) {
                long from = source.at(r, 0);
                long to = target.at(r, 0);
                for (int c = 0; c < whole; c += LANES) {
                    if (widening) {
                        set(target, r, c, load(from + (long) c * BYTES));
                    } else {
                        // Values from outside may be NaNs whose payload would carry over to zero.
                        FloatVector v = floats(source, r, c);
                        v = v.blend(Float.NaN, v.test(IS_NAN));
                        store(v, to + (long) c * BYTES);
                    }
                }
            }
            if (hasRest(source)) {
                loops.copy(rest(source, source), rest(target, source));
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements Elementwise {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void copy(Matrix source, Matrix target) {
            if (source.type() == target.type()) {
                move(source, target);
                return;
            }
            for (int r = 0; r < source.rows(); r++) {
                for (int c = 0; c < source.columns(); c++) {
                    set(target, r, c, get(source, r, c));
                }
            }
        }
    }
}
