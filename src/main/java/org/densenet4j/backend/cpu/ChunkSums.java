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

/**
 * What chunks found, put together for a vector of channels at a time, in double precision like
 * {@link ScalarKernels}, which does the channels that do not fill a vector. Between two passes only
 * the calling thread works, and every other one waits for these loops.
 */
final class ChunkSums {
    private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Float> FLOATS =
            VectorSpecies.of(
                    float.class, VectorShape.forBitSize(DOUBLES.vectorBitSize() / 2));

    private final MemorySegment memory;

    ChunkSums(MemorySegment memory) {
        this.memory = memory;
    }

    /** So many of the channels fill vectors. */
    static int whole(int channels) {
        return DOUBLES.loopBound(channels);
    }

    /** {@link ScalarKernels#finishStatistics} for whole vectors of channels. */
    void finishStatistics(
            Matrix partials, int rowsPerChunk, int rows, float epsilon, Matrix statistics) {
        int chunks = Math.ceilDiv(rows, rowsPerChunk);
        for (int c = 0; c < partials.columns(); c += DOUBLES.length()) {
            DoubleVector mean = DoubleVector.zero(DOUBLES);
            DoubleVector squares = DoubleVector.zero(DOUBLES);
            long count = 0;
            for (int chunk = 0; chunk < chunks; chunk++) {
                int n = Math.min(rowsPerChunk, rows - chunk * rowsPerChunk);
                double share = (double) n / (count + n);
                DoubleVector delta = load(partials, 2 * chunk, c).sub(mean);
                mean = mean.add(delta.mul(share));
                squares =
                        squares.add(load(partials, 2 * chunk + 1, c))
                                .add(delta.mul(delta).mul(count * share));
                count += n;
            }
            DoubleVector variance = squares.div(count);
            store(mean, statistics, 0, c);
            store(variance, statistics, 1, c);
            store(
                    DoubleVector.broadcast(DOUBLES, 1).div(variance.add(epsilon).sqrt()),
                    statistics,
                    2,
                    c);
        }
    }

    /** {@link ScalarKernels#finishNormGradient} for whole vectors of channels. */
    void finishNormGradient(
            Matrix partials,
            int chunks,
            Matrix statistics,
            Matrix sums,
            Matrix gammaGradient,
            Matrix betaGradient) {
        for (int c = 0; c < partials.columns(); c += DOUBLES.length()) {
            DoubleVector sum = DoubleVector.zero(DOUBLES);
            DoubleVector products = DoubleVector.zero(DOUBLES);
            for (int chunk = 0; chunk < chunks; chunk++) {
                sum = sum.add(load(partials, 2 * chunk, c));
                products = products.add(load(partials, 2 * chunk + 1, c));
            }
            products = products.mul(load(statistics, 2, c));
            store(sum, sums, 0, c);
            store(products, sums, 1, c);
            store(sum.add(load(betaGradient, 0, c)), betaGradient, 0, c);
            store(products.add(load(gammaGradient, 0, c)), gammaGradient, 0, c);
        }
    }

    private DoubleVector load(Matrix x, int row, int c) {
        return (DoubleVector)
                FloatVector.fromMemorySegment(FLOATS, memory, x.at(row, c), nativeOrder())
                        .convertShape(F2D, DOUBLES, 0);
    }

    private void store(DoubleVector v, Matrix to, int row, int c) {
        ((FloatVector) v.convertShape(D2F, FLOATS, 0))
                .intoMemorySegment(memory, to.at(row, c), nativeOrder());
    }
}
