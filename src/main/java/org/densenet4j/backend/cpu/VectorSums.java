package org.densenet4j.backend.cpu;

import static java.nio.ByteOrder.nativeOrder;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;

/**
 * The same sums on the Vector API, for one storage type of matrices ({@link StorageCopy}); biases
 * are float32. Columns that do not fill a vector are left to the plain loops.
 */
class VectorSums extends ScalarSums {
    private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
    private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
    private static final int BYTES = STORAGE.bytes();
    private static final VectorSpecies<Float> SPECIES = StoredVector.SPECIES;
    private static final int LANES = SPECIES.length();

    /** The copy of this class for bfloat16; only that one is made when it is asked for. */
    private static final class OfBFloat16 {
        static final MethodHandle CONSTRUCTOR =
                StorageCopy.constructor(VectorSums.class, DataType.BFLOAT16, ScalarSums.class);

        private OfBFloat16() {}
    }

    VectorSums(MemorySegment memory) {
        super(memory);
    }

    /** The same sums of matrices in bfloat16. */
    static ScalarSums ofBFloat16(MemorySegment memory) {
        try {
            return (ScalarSums) OfBFloat16.CONSTRUCTOR.invokeExact(memory);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private FloatVector load(long at) {
        return StoredVector.load(FLOATS, memory, at);
    }

    private void store(FloatVector v, long at) {
        StoredVector.store(FLOATS, v, memory, at);
    }

    private FloatVector floats(long at) {
        return FloatVector.fromMemorySegment(SPECIES, memory, at, nativeOrder());
    }

    private static int whole(Matrix x) {
        return x.columns() / LANES * LANES;
    }

    private static boolean hasRest(Matrix x) {
        return whole(x) < x.columns();
    }

    private static Matrix rest(Matrix x) {
        return x.columns(whole(x), x.columns() - whole(x));
    }

    @Override
    void add(Matrix source, Matrix target) {
        int whole = whole(source);
        for (int r = 0; r < source.rows(); r++) {
            long from = source.at(r, 0);
            long to = target.at(r, 0);
            for (int c = 0; c < whole; c += LANES) {
                long i = (long) c * BYTES;
                store(load(to + i).add(load(from + i)), to + i);
            }
        }
        if (hasRest(source)) {
            super.add(rest(source), rest(target));
        }
    }

    @Override
    void addBias(Matrix x, Matrix bias) {
        int whole = whole(x);
        long biases = bias.at(0, 0);
        for (int r = 0; r < x.rows(); r++) {
            long to = x.at(r, 0);
            for (int c = 0; c < whole; c += LANES) {
                long i = to + (long) c * BYTES;
                store(load(i).add(floats(biases + c * 4L)), i);
            }
        }
        if (hasRest(x)) {
            super.addBias(rest(x), rest(bias));
        }
    }

    @Override
    void addColumnSums(Matrix x, Matrix sums) {
        for (int first = 0; first < x.rows(); first += TILE) {
            int end = Math.min(first + TILE, x.rows());
            for (int c = 0; c < whole(x); c += LANES) {
                addTile(x, c, first, end, sums.at(0, c));
            }
        }
        if (hasRest(x)) {
            super.addColumnSums(rest(x), rest(sums));
        }
    }

    private void addTile(Matrix x, int c, int first, int end, long sums) {
        FloatVector sum = FloatVector.zero(SPECIES);
        long from = x.at(0, c);
        long row = x.rowBytes();
        for (int r = first; r < end; r++) {
            sum = sum.add(load(from + r * row));
        }
        floats(sums).add(sum).intoMemorySegment(memory, sums, nativeOrder());
    }
}
