package org.densenet4j.backend.cpu;

import static java.nio.ByteOrder.nativeOrder;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;

/**
 * What loops on the Vector API share: vectors of per-channel values, always float32, and which
 * channels of a matrix fill a vector.
 *
 * <p>Memory is read in the order it lies in: a pass goes row by row, or, where it takes sums, by
 * tiles of {@link #TILE} rows whose sums stay in registers while a block of channels goes through
 * them. Whole vectors are not masked, because a mask costs more than the arithmetic; channels that
 * do not fill one are a masked rest, or, where little depends on it, plain loops.
 */
abstract class VectorElements extends StoredElements {
    static final VectorSpecies<Float> SPECIES = StoredVector.SPECIES;
    static final int LANES = StoredVector.LANES;
    static final ByteOrder ORDER = nativeOrder();

    /** Rows whose parameters and sums are loaded once; a tile of a row's block is in the cache. */
    static final int TILE = 32;

    VectorElements(MemorySegment memory) {
        super(memory);
    }

    final FloatVector floats(long at) {
        return FloatVector.fromMemorySegment(SPECIES, memory, at, ORDER);
    }

    final FloatVector floats(Matrix values, int row, int c) {
        return FloatVector.fromMemorySegment(SPECIES, memory, values.at(row, c), ORDER);
    }

    final FloatVector floats(Matrix values, int row, int c, VectorMask<Float> mask) {
        return FloatVector.fromMemorySegment(SPECIES, memory, values.at(row, c), ORDER, mask);
    }

    final void setFloats(FloatVector v, long at) {
        v.intoMemorySegment(memory, at, ORDER);
    }

    final void set(Matrix values, int row, int c, FloatVector v) {
        v.intoMemorySegment(memory, values.at(row, c), ORDER);
    }

    final void set(Matrix values, int row, int c, FloatVector v, VectorMask<Float> mask) {
        v.intoMemorySegment(memory, values.at(row, c), ORDER, mask);
    }

    static FloatVector zero() {
        return FloatVector.zero(SPECIES);
    }

    /** Channels in whole vectors. */
    static int whole(Matrix x) {
        return x.columns() / LANES * LANES;
    }

    static boolean hasRest(Matrix x) {
        return whole(x) < x.columns();
    }

    /** Lanes of the vector that is not filled. */
    static VectorMask<Float> restMask(Matrix x) {
        return SPECIES.indexInRange(whole(x), x.columns());
    }

    /** The channels that do not fill a vector. */
    static Matrix rest(Matrix x) {
        return rest(x, x);
    }

    /** Those columns of a matrix that are the rest of the channels of another. */
    static Matrix rest(Matrix m, Matrix x) {
        return m.columns(whole(x), x.columns() - whole(x));
    }
}
