package org.densenet4j.backend.cpu;

import static java.nio.ByteOrder.nativeOrder;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** RMSprop on the Vector API; what does not fill a vector is left to the plain loop. */
final class VectorRmsprop extends ScalarRmsprop {
    private static final VectorSpecies<Float> SPECIES = StoredVector.SPECIES;

    VectorRmsprop(MemorySegment memory) {
        super(memory);
    }

    @Override
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
        int whole = SPECIES.loopBound(parameters.columns());
        FloatVector decays = FloatVector.broadcast(SPECIES, decay);
        FloatVector rhos = FloatVector.broadcast(SPECIES, rho);
        float inside = epsilonInside ? epsilon : 0;
        float outside = epsilonInside ? 0 : epsilon;
        for (int i = 0; i < whole; i += SPECIES.length()) {
            FloatVector p = load(parameters, i);
            FloatVector g = p.fma(decays, load(gradients, i).mul(gradientScale));
            FloatVector square = load(squares, i).fma(rhos, g.mul(1 - rho).mul(g));
            store(square, squares, i);
            FloatVector root = square.add(inside).sqrt().add(outside);
            store(p.sub(g.mul(rate).div(root)), parameters, i);
        }
        int rest = parameters.columns() - whole;
        super.step(
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

    private FloatVector load(Matrix vector, int i) {
        return FloatVector.fromMemorySegment(SPECIES, memory, vector.at(0, i), nativeOrder());
    }

    private void store(FloatVector v, Matrix vector, int i) {
        v.intoMemorySegment(memory, vector.at(0, i), nativeOrder());
    }
}
