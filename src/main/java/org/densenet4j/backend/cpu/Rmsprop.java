package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** Steps of RMSprop. */
interface Rmsprop {
    /** See {@link org.densenet4j.backend.Kernels#rmsprop}. */
    void rmsprop(
            Matrix parameters,
            Matrix gradients,
            Matrix squares,
            float rate,
            float rho,
            float epsilon,
            boolean epsilonInside,
            float decay,
            float gradientScale);

    /** On the Vector API; what does not fill a vector is left to the plain loop. */
    final class Vectors extends VectorElements implements Rmsprop {
        private final Loops loops;

        Vectors(MemorySegment memory) {
            super(memory);
            loops = new Loops(memory);
        }

        @Override
        public void rmsprop(
                Matrix parameters,
                Matrix gradients,
                Matrix squares,
                float rate,
                float rho,
                float epsilon,
                boolean epsilonInside,
                float decay,
                float gradientScale) {
            int whole = SPECIES.loopBound(parameters.columns());
            FloatVector decays = FloatVector.broadcast(SPECIES, decay);
            FloatVector rhos = FloatVector.broadcast(SPECIES, rho);
            float inside = epsilonInside ? epsilon : 0;
            float outside = epsilonInside ? 0 : epsilon;
            for (int i = 0; i < whole; i += SPECIES.length()) {
                FloatVector p = floats(parameters, 0, i);
                FloatVector g = p.fma(decays, floats(gradients, 0, i).mul(gradientScale));
                FloatVector square = floats(squares, 0, i).fma(rhos, g.mul(1 - rho).mul(g));
                set(squares, 0, i, square);
                FloatVector root = square.add(inside).sqrt().add(outside);
                set(parameters, 0, i, p.sub(g.mul(rate).div(root)));
            }
            int rest = parameters.columns() - whole;
            loops.rmsprop(
                    parameters.columns(whole, rest),
                    gradients.columns(whole, rest),
                    squares.columns(whole, rest),
                    rate,
                    rho,
                    epsilon,
                    epsilonInside,
                    decay,
                    gradientScale);
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements Rmsprop {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void rmsprop(
                Matrix parameters,
                Matrix gradients,
                Matrix squares,
                float rate,
                float rho,
                float epsilon,
                boolean epsilonInside,
                float decay,
                float gradientScale) {
            // One of both is zero, so that one formula is both.
            float inside = epsilonInside ? epsilon : 0;
            float outside = epsilonInside ? 0 : epsilon;
            for (int i = 0; i < parameters.columns(); i++) {
                float p = get(parameters, 0, i);
                float g = Math.fma(decay, p, gradientScale * get(gradients, 0, i));
                float square = Math.fma(rho, get(squares, 0, i), (1 - rho) * g * g);
                set(squares, 0, i, square);
                float root = (float) Math.sqrt(square + inside) + outside;
                set(parameters, 0, i, p - rate * g / root);
            }
        }
    }
}
