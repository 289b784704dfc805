package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.D2F;
import static jdk.incubator.vector.VectorOperators.F2D;

import static java.nio.ByteOrder.nativeOrder;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** Combines the sums of chunks. The other lanes wait meanwhile. */
interface ChunkSums {
    /** See {@link org.densenet4j.backend.Kernels#finishStatistics}. */
    void finishStatistics(
            Matrix partials, int rowsPerChunk, int rows, float epsilon, Matrix statistics);

    /** See {@link org.densenet4j.backend.Kernels#finishNormGradient}. */
    void finishNormGradient(
            Matrix partials,
            int chunks,
            Matrix statistics,
            Matrix sums,
            Matrix gammaGradient,
            Matrix betaGradient);

    /**
     * A vector of channels at a time; bit-identical to the plain loops, which do the channels that
     * do not fill a vector.
     */
    final class Vectors extends StoredElements implements ChunkSums {
        private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
        private static final VectorSpecies<Float> FLOATS =
                VectorSpecies.of(float.class, VectorShape.forBitSize(DOUBLES.vectorBitSize() / 2));
        private final Loops loops;

        Vectors(MemorySegment memory) {
            super(memory);
            loops = new Loops(memory);
        }

        @Override
        public void finishStatistics(
                Matrix partials, int rowsPerChunk, int rows, float epsilon, Matrix statistics) {
            int chunks = Math.ceilDiv(rows, rowsPerChunk);
            int whole = DOUBLES.loopBound(partials.columns());
            int rest = partials.columns() - whole;
            for (int c = 0; c < whole; c += DOUBLES.length()) {
                DoubleVector mean = DoubleVector.zero(DOUBLES);
                DoubleVector squares = DoubleVector.zero(DOUBLES);
                double count = 0;
                for (int chunk = 0; chunk < chunks; chunk++) {
                    double n = Math.min(rowsPerChunk, rows - (long) chunk * rowsPerChunk);
                    double total = count + n;
                    DoubleVector delta = doubles(partials, 2 * chunk, c).sub(mean);
                    mean = mean.add(delta.mul(n).div(total));
                    squares =
                            squares.add(
                                    doubles(partials, 2 * chunk + 1, c)
                                            .add(delta.mul(delta).mul(count).mul(n).div(total)));
                    count = total;
                }
                DoubleVector variance = squares.div(count);
                DoubleVector inverse =
                        DoubleVector.broadcast(DOUBLES, 1).div(variance.add(epsilon).sqrt());
                store(rounded(mean), statistics, 0, c);
                store(rounded(variance), statistics, 1, c);
                store(rounded(inverse), statistics, 2, c);
            }
            loops.finishStatistics(
                    partials.columns(whole, rest),
                    rowsPerChunk,
                    rows,
                    epsilon,
                    statistics.columns(whole, rest));
        }

        @Override
        public void finishNormGradient(
                Matrix partials,
                int chunks,
                Matrix statistics,
                Matrix sums,
                Matrix gammaGradient,
                Matrix betaGradient) {
            int whole = DOUBLES.loopBound(partials.columns());
            int rest = partials.columns() - whole;
            for (int c = 0; c < whole; c += DOUBLES.length()) {
                DoubleVector sum = DoubleVector.zero(DOUBLES);
                DoubleVector products = DoubleVector.zero(DOUBLES);
                for (int chunk = 0; chunk < chunks; chunk++) {
                    sum = sum.add(doubles(partials, 2 * chunk, c));
                    products = products.add(doubles(partials, 2 * chunk + 1, c));
                }
                FloatVector beta = rounded(sum);
                FloatVector gamma = rounded(products.mul(doubles(statistics, 2, c)));
                store(beta, sums, 0, c);
                store(gamma, sums, 1, c);
                store(floats(betaGradient, 0, c).add(beta), betaGradient, 0, c);
                store(floats(gammaGradient, 0, c).add(gamma), gammaGradient, 0, c);
            }
            loops.finishNormGradient(
                    partials.columns(whole, rest),
                    chunks,
                    statistics.columns(whole, rest),
                    sums.columns(whole, rest),
                    gammaGradient.columns(whole, rest),
                    betaGradient.columns(whole, rest));
        }

        private FloatVector floats(Matrix x, int row, int c) {
            return FloatVector.fromMemorySegment(FLOATS, memory, x.at(row, c), nativeOrder());
        }

        private DoubleVector doubles(Matrix x, int row, int c) {
            return (DoubleVector) floats(x, row, c).convertShape(F2D, DOUBLES, 0);
        }

        private static FloatVector rounded(DoubleVector v) {
            return (FloatVector) v.convertShape(D2F, FLOATS, 0);
        }

        private void store(FloatVector v, Matrix to, int row, int c) {
            v.intoMemorySegment(memory, to.at(row, c), nativeOrder());
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements ChunkSums {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void finishStatistics(
                Matrix partials, int rowsPerChunk, int rows, float epsilon, Matrix statistics) {
            int chunks = (rows + rowsPerChunk - 1) / rowsPerChunk;
            for (int c = 0; c < partials.columns(); c++) {
                double count = 0;
                double mean = 0;
                double squares = 0;
                for (int chunk = 0; chunk < chunks; chunk++) {
                    double n = Math.min(rowsPerChunk, rows - (long) chunk * rowsPerChunk);
                    double delta = get(partials, 2 * chunk, c) - mean;
                    double total = count + n;
                    mean += delta * n / total;
                    squares += get(partials, 2 * chunk + 1, c) + delta * delta * count * n / total;
                    count = total;
                }
                double variance = squares / count;
                set(statistics, 0, c, (float) mean);
                set(statistics, 1, c, (float) variance);
                set(statistics, 2, c, (float) (1 / Math.sqrt(variance + epsilon)));
            }
        }

        @Override
        public void finishNormGradient(
                Matrix partials,
                int chunks,
                Matrix statistics,
                Matrix sums,
                Matrix gammaGradient,
                Matrix betaGradient) {
            for (int c = 0; c < partials.columns(); c++) {
                double sum = 0;
                double products = 0;
                for (int chunk = 0; chunk < chunks; chunk++) {
                    sum += get(partials, 2 * chunk, c);
                    products += get(partials, 2 * chunk + 1, c);
                }
                float betaSum = (float) sum;
                float gammaSum = (float) (products * get(statistics, 2, c));
                set(sums, 0, c, betaSum);
                set(sums, 1, c, gammaSum);
                set(betaGradient, 0, c, get(betaGradient, 0, c) + betaSum);
                set(gammaGradient, 0, c, get(gammaGradient, 0, c) + gammaSum);
            }
        }
    }
}
