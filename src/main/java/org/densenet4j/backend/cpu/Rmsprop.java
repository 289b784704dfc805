package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.RmspropCoefficients;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;

/** Steps of RMSprop. */
interface Rmsprop {
    /** See {@link org.densenet4j.backend.Kernels#rmsprop}. */
    void rmsprop(
            Matrix parameters,
            Matrix gradients,
            Matrix squares,
            @Nullable Matrix means,
            @Nullable Matrix velocity,
            RmspropCoefficients by);

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
                @Nullable Matrix means,
                @Nullable Matrix velocity,
                RmspropCoefficients by) {
            FloatVector decays = FloatVector.broadcast(SPECIES, by.decay());
            FloatVector rhos = FloatVector.broadcast(SPECIES, by.rho());
            FloatVector momenta = FloatVector.broadcast(SPECIES, by.momentum());
            float share = 1 - by.rho();
            for (int i = 0; i < whole(parameters); i += LANES) {
                FloatVector p = floats(parameters, 0, i);
                FloatVector g = p.fma(decays, floats(gradients, 0, i).mul(by.gradientScale()));
                FloatVector square = floats(squares, 0, i).fma(rhos, g.mul(share).mul(g));
                set(squares, 0, i, square);
                if (means != null) {
                    FloatVector mean = floats(means, 0, i).fma(rhos, g.mul(share));
                    set(means, 0, i, mean);
                    square = square.sub(mean.mul(mean)).max(0);
                }
                FloatVector root = square.add(by.inside()).sqrt().add(by.outside());
                if (velocity == null) {
                    set(parameters, 0, i, p.sub(g.mul(by.rate()).div(root)));
                } else {
                    FloatVector v = floats(velocity, 0, i).fma(momenta, g.div(root));
                    set(velocity, 0, i, v);
                    set(parameters, 0, i, p.sub(v.mul(by.rate())));
                }
            }
            if (hasRest(parameters)) {
                loops.rmsprop(
                        rest(parameters),
                        rest(gradients, parameters),
                        rest(squares, parameters),
                        means == null ? null : rest(means, parameters),
                        velocity == null ? null : rest(velocity, parameters),
                        by);
            }
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
                @Nullable Matrix means,
                @Nullable Matrix velocity,
                RmspropCoefficients by) {
            float share = 1 - by.rho();
            for (int i = 0; i < parameters.columns(); i++) {
                float p = get(parameters, 0, i);
                float g = Math.fma(by.decay(), p, by.gradientScale() * get(gradients, 0, i));
                float square = Math.fma(by.rho(), get(squares, 0, i), share * g * g);
                set(squares, 0, i, square);
                if (means != null) {
                    float mean = Math.fma(by.rho(), get(means, 0, i), share * g);
                    set(means, 0, i, mean);
                    // A variance that rounds to less than nothing is none.
                    square = Math.max(0, square - mean * mean);
                }
                float root = (float) Math.sqrt(square + by.inside()) + by.outside();
                if (velocity == null) {
                    set(parameters, 0, i, p - by.rate() * g / root);
                } else {
                    float v = Math.fma(by.momentum(), get(velocity, 0, i), g / root);
                    set(velocity, 0, i, v);
                    set(parameters, 0, i, p - by.rate() * v);
                }
            }
        }
    }
}
