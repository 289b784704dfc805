package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** RMSprop as plain loops. */
class ScalarRmsprop extends StoredElements {
    ScalarRmsprop(MemorySegment memory) {
        super(memory);
    }

    /** See {@link org.densenet4j.backend.Kernels#rmsprop}. */
    void step(
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
