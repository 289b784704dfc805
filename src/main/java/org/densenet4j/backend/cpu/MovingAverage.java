package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** Exponential moving averages. */
interface MovingAverage {
    /** See {@link org.densenet4j.backend.Kernels#movingAverage}. */
    void movingAverage(Matrix values, Matrix average, float share);

    /** On the Vector API; what does not fill a vector is left to the plain loop. */
    final class Vectors extends VectorElements implements MovingAverage {
        private final Loops loops;

        Vectors(MemorySegment memory) {
            super(memory);
            loops = new Loops(memory);
        }

        @Override
        public void movingAverage(Matrix values, Matrix average, float share) {
            FloatVector shares = FloatVector.broadcast(SPECIES, share);
            for (int i = 0; i < whole(values); i += LANES) {
                FloatVector before = floats(average, 0, i);
                set(average, 0, i, floats(values, 0, i).sub(before).fma(shares, before));
            }
            if (hasRest(values)) {
                loops.movingAverage(rest(values), rest(average, values), share);
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements MovingAverage {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void movingAverage(Matrix values, Matrix average, float share) {
            for (int i = 0; i < values.columns(); i++) {
                float before = get(average, 0, i);
                set(average, 0, i, Math.fma(share, get(values, 0, i) - before, before));
            }
        }
    }
}
