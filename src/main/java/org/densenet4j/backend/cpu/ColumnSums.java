package org.densenet4j.backend.cpu;

import static java.nio.ByteOrder.nativeOrder;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** Sums over rows: the gradient of a bias. */
interface ColumnSums {
    /** See {@link org.densenet4j.backend.Kernels#addColumnSums}. */
    void addColumnSums(Matrix x, Matrix sums);

    /**
     * On the Vector API, for one storage type of matrices ({@link StorageCopy}); sums are float32.
     */
    final class Vectors extends VectorElements implements ColumnSums {
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

        @Override
        public void addColumnSums(Matrix x, Matrix sums) {
            for (int first = 0; first < x.rows(); first += Loops.TILE) {
                int end = Math.min(first + Loops.TILE, x.rows());
                for (int c = 0; c < whole(x); c += LANES) {
                    addTile(x, c, first, end, sums.at(0, c));
                }
            }
            if (hasRest(x)) {
                loops.addColumnSums(rest(x), rest(sums));
            }
        }

        private void addTile(Matrix x, int c, int first, int end, long sums) {
            FloatVector sum = FloatVector.zero(SPECIES);
            long from = x.at(0, c);
            long row = x.rowBytes();
            for (int r = first; r < end; r++) {
                sum = sum.add(load(from + r * row));
            }
            floats(sums).add(sum).intoMemorySegment(memory, sums, nativeOrder());
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements ColumnSums {
        /**
         * Rows that are added up first: a sum of sums of some terms rounds less than one of all.
         */
        static final int TILE = 32;

        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void addColumnSums(Matrix x, Matrix sums) {
            for (int first = 0; first < x.rows(); first += TILE) {
                int end = Math.min(first + TILE, x.rows());
                for (int c = 0; c < x.columns(); c++) {
                    float sum = 0;
                    for (int r = first; r < end; r++) {
                        sum += get(x, r, c);
                    }
                    set(sums, 0, c, get(sums, 0, c) + sum);
                }
            }
        }
    }
}
