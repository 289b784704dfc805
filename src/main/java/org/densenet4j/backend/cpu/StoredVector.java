package org.densenet4j.backend.cpu;

import static java.nio.ByteOrder.nativeOrder;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;

/**
 * Vectors of float32 in registers, stored in memory as float32 or bfloat16. Callers pass a constant
 * for {@code floats}, so that nothing of the choice is left in compiled code.
 */
final class StoredVector {
    static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    static final int LANES = SPECIES.length();
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Short> HALVES =
            VectorSpecies.of(short.class, VectorShape.forBitSize(SPECIES.vectorBitSize() / 2));
    private static final ByteOrder ORDER = nativeOrder();

    private StoredVector() {}

    /** Width of the vectors in use, in bits. */
    static int bits() {
        return SPECIES.vectorBitSize();
    }

    static FloatVector load(boolean floats, MemorySegment memory, long at) {
        if (floats) {
            return FloatVector.fromMemorySegment(SPECIES, memory, at, ORDER);
        }
        return widened(ShortVector.fromMemorySegment(HALVES, memory, at, ORDER));
    }

    static FloatVector load(boolean floats, MemorySegment memory, long at, VectorMask<Float> mask) {
        if (floats) {
            return FloatVector.fromMemorySegment(SPECIES, memory, at, ORDER, mask);
        }
        return widened(ShortVector.fromMemorySegment(HALVES, memory, at, ORDER, mask.cast(HALVES)));
    }

    static void store(boolean floats, FloatVector v, MemorySegment memory, long at) {
        if (floats) {
            v.intoMemorySegment(memory, at, ORDER);
        } else {
            rounded(v).intoMemorySegment(memory, at, ORDER);
        }
    }

    static void store(
            boolean floats, FloatVector v, MemorySegment memory, long at, VectorMask<Float> mask) {
        if (floats) {
            v.intoMemorySegment(memory, at, ORDER, mask);
        } else {
            rounded(v).intoMemorySegment(memory, at, ORDER, mask.cast(HALVES));
        }
    }

    private static FloatVector widened(ShortVector v) {
        IntVector bits = (IntVector) v.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
        return bits.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    /** To the nearest, ties to even. Arithmetic makes quiet NaNs without a payload; they stay. */
    private static ShortVector rounded(FloatVector v) {
        IntVector bits = v.reinterpretAsInts();
        IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
        return (ShortVector)
                bits.add(odd)
                        .add(0x7fff)
                        .lanewise(VectorOperators.LSHR, 16)
                        .convertShape(VectorOperators.I2S, HALVES, 0);
    }
}
