package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** What only weights with learned groups need: masks, and the group lasso. */
interface LearnedGroupWeights {
    /** A norm whose square is not above this has no gradient, as in the authors' code. */
    float LEAST_SQUARE = 1e-6f;

    /** See {@link org.densenet4j.backend.Kernels#multiply}. */
    void multiply(Matrix values, Matrix factors);

    /** See {@link org.densenet4j.backend.Kernels#addGroupLasso}. */
    void addGroupLasso(Matrix weights, int groups, float strength, Matrix gradient);

    /** On the Vector API; what does not fill a vector is left to the plain loop. */
    final class Vectors extends VectorElements implements LearnedGroupWeights {
        private final Loops loops;

        Vectors(MemorySegment memory) {
            super(memory);
            loops = new Loops(memory);
        }

        @Override
        public void multiply(Matrix values, Matrix factors) {
            for (int i = 0; i < whole(values); i += LANES) {
                set(values, 0, i, floats(values, 0, i).mul(floats(factors, 0, i)));
            }
            if (hasRest(values)) {
                loops.multiply(rest(values), rest(factors, values));
            }
        }

        @Override
        public void addGroupLasso(Matrix weights, int groups, float strength, Matrix gradient) {
            FloatVector strengths = FloatVector.broadcast(SPECIES, strength);
            for (int c = 0; c < whole(weights); c += LANES) {
                for (int group = 0; group < groups; group++) {
                    FloatVector squares = zero();
                    for (int o = group; o < weights.rows(); o += groups) {
                        FloatVector w = floats(weights, o, c);
                        squares = w.fma(w, squares);
                    }
                    VectorMask<Float> counts = squares.compare(VectorOperators.GT, LEAST_SQUARE);
                    FloatVector factor =
                            strengths.div(squares.sqrt(), counts).blend(0, counts.not());
                    for (int o = group; o < weights.rows(); o += groups) {
                        FloatVector sum = floats(weights, o, c).fma(factor, floats(gradient, o, c));
                        set(gradient, o, c, sum);
                    }
                }
            }
            if (hasRest(weights)) {
                loops.addGroupLasso(rest(weights), groups, strength, rest(gradient, weights));
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements LearnedGroupWeights {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void multiply(Matrix values, Matrix factors) {
            for (int i = 0; i < values.columns(); i++) {
                set(values, 0, i, get(values, 0, i) * get(factors, 0, i));
            }
        }

        @Override
        public void addGroupLasso(Matrix weights, int groups, float strength, Matrix gradient) {
            for (int c = 0; c < weights.columns(); c++) {
                for (int group = 0; group < groups; group++) {
                    float squares = 0;
                    for (int o = group; o < weights.rows(); o += groups) {
                        squares = Math.fma(get(weights, o, c), get(weights, o, c), squares);
                    }
                    if (squares > LEAST_SQUARE) {
                        float factor = strength / (float) Math.sqrt(squares);
                        for (int o = group; o < weights.rows(); o += groups) {
                            float before = get(gradient, o, c);
                            set(gradient, o, c, Math.fma(factor, get(weights, o, c), before));
                        }
                    }
                }
            }
        }
    }
}
