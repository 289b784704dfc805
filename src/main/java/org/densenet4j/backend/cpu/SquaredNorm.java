package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.F2D;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** The norm of gradients. */
interface SquaredNorm {
    /** See {@link org.densenet4j.backend.Kernels#squaredNorm}. */
    void squaredNorm(Matrix x, Matrix target);

    /** On the Vector API, for one storage type of matrices ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements SquaredNorm {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
        private static final VectorSpecies<Double> DOUBLES =
                VectorSpecies.of(double.class, SPECIES.vectorShape());

        /** Elements that are summed at a time: whole vectors, however long they are. */
        private static final int BLOCK = 1024;

        Vectors(MemorySegment memory) {
            super(memory);
        }

        private FloatVector load(long at) {
            return StoredVector.load(FLOATS, memory, at);
        }

        @Override
        public void squaredNorm(Matrix x, Matrix target) {
            double sum = 0;
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < whole(x); c += BLOCK) {
                    sum += squaresOfBlock(x.at(r, c), Math.min(BLOCK, whole(x) - c));
                }
                for (int c = whole(x); c < x.columns(); c++) {
                    double value = get(x, r, c);
                    sum += value * value;
                }
            }
            set(target, 0, 0, (float) sum);
        }

        /**
         * The squares of whole vectors, in float32 with what roundings take from squares and sums
         * beside them (Ogita, Rump and Oishi, "Accurate sum and dot product", 2005, algorithm 5.3):
         * widening a vector takes many times as long. A method of its own, which is called often:
         * in a loop that is entered once a step the JVM would keep the sums as objects.
         */
        private double squaresOfBlock(long at, int count) {
            FloatVector sum = zero();
            FloatVector lost = zero();
            for (int c = 0; c < count; c += LANES) {
                FloatVector v = load(at + (long) c * STORAGE.bytes());
                FloatVector square = v.mul(v);
                FloatVector next = sum.add(square);
                FloatVector added = next.sub(sum);
                FloatVector ofSum = sum.sub(next.sub(added)).add(square.sub(added));
                lost = lost.add(v.fma(v, square.neg()).add(ofSum));
                sum = next;
            }
            return total(sum) + total(lost);
        }

        private static double total(FloatVector v) {
            DoubleVector lower = (DoubleVector) v.convertShape(F2D, DOUBLES, 0);
            DoubleVector upper = (DoubleVector) v.convertShape(F2D, DOUBLES, 1);
            return lower.add(upper).reduceLanes(ADD);
        }
    }

    /** Plain loops, over copies of a few elements at a time, which the JVM reads fastest. */
    final class Loops extends StoredElements implements SquaredNorm {
        private static final int BLOCK = 1024;

        /** Sums side by side: an addition need not wait for the one before. */
        private static final int SUMS = 8;

        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void squaredNorm(Matrix x, Matrix target) {
            float[] block = new float[Math.min(BLOCK, x.columns())];
            double[] sums = new double[SUMS];
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < x.columns(); c += BLOCK) {
                    int count = Math.min(BLOCK, x.columns() - c);
                    read(x, r, c, block, count);
                    addSquares(block, count, sums);
                }
            }
            double sum = 0;
            for (double part : sums) {
                sum += part;
            }
            set(target, 0, 0, (float) sum);
        }

        private static void addSquares(float[] values, int count, double[] sums) {
            int i = 0;
            for (; i + SUMS <= count; i += SUMS) {
                for (int j = 0; j < SUMS; j++) {
                    double v = values[i + j];
                    sums[j] += v * v;
                }
            }
            for (; i < count; i++) {
                double v = values[i];
                sums[0] += v * v;
            }
        }
    }
}
