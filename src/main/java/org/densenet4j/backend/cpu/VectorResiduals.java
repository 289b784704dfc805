package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.GT;

import static java.nio.ByteOrder.nativeOrder;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;

/**
 * The same passes on the Vector API, for one storage type of activations ({@link StorageCopy}):
 * element-wise ones row by row, sums by tiles of rows as in {@link VectorPasses}. Channels that do
 * not fill a vector, which residual networks do not have, are left to the plain loops.
 */
class VectorResiduals extends ScalarResiduals {
    private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
    private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
    private static final int BYTES = STORAGE.bytes();
    private static final VectorSpecies<Float> SPECIES = StoredVector.SPECIES;
    private static final int LANES = SPECIES.length();

    /** Rows whose sums stay in registers and whose values stay in the cache. */
    private static final int TILE = 32;

    /** The copy of this class for bfloat16; only that one is made when it is asked for. */
    private static final class OfBFloat16 {
        static final MethodHandle CONSTRUCTOR =
                StorageCopy.constructor(
                        VectorResiduals.class, DataType.BFLOAT16, ScalarResiduals.class);

        private OfBFloat16() {}
    }

    VectorResiduals(MemorySegment memory) {
        super(memory);
    }

    /** The same passes over activations in bfloat16. */
    static ScalarResiduals ofBFloat16(MemorySegment memory) {
        try {
            return (ScalarResiduals) OfBFloat16.CONSTRUCTOR.invokeExact(memory);
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

    /** Per-channel values, always float32. */
    private FloatVector floats(long at) {
        return FloatVector.fromMemorySegment(SPECIES, memory, at, nativeOrder());
    }

    private void setFloats(FloatVector v, long at) {
        v.intoMemorySegment(memory, at, nativeOrder());
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
    void normalise(Matrix x, Matrix affine, Matrix out) {
        long scales = affine.at(0, 0);
        long shifts = affine.at(1, 0);
        int whole = whole(x);
        for (int r = 0; r < x.rows(); r++) {
            long from = x.at(r, 0);
            long to = out.at(r, 0);
            for (int c = 0; c < whole; c += LANES) {
                long i = (long) c * BYTES;
                FloatVector scale = floats(scales + c * 4L);
                store(load(from + i).fma(scale, floats(shifts + c * 4L)), to + i);
            }
        }
        if (hasRest(x)) {
            super.normalise(rest(x), rest(affine), rest(out));
        }
    }

    @Override
    void addNormalised(Matrix x, Matrix affine, Matrix addend, boolean relu, Matrix out) {
        // Without a ReLU nothing lies below the bound, and no loop has to ask.
        FloatVector least = FloatVector.broadcast(SPECIES, relu ? 0 : Float.NEGATIVE_INFINITY);
        long scales = affine.at(0, 0);
        long shifts = affine.at(1, 0);
        int whole = whole(x);
        for (int r = 0; r < x.rows(); r++) {
            long from = x.at(r, 0);
            long other = addend.at(r, 0);
            long to = out.at(r, 0);
            for (int c = 0; c < whole; c += LANES) {
                long i = (long) c * BYTES;
                FloatVector scale = floats(scales + c * 4L);
                FloatVector v = load(from + i).fma(scale, floats(shifts + c * 4L));
                store(v.add(load(other + i)).max(least), to + i);
            }
        }
        if (hasRest(x)) {
            super.addNormalised(rest(x), rest(affine), rest(addend), relu, rest(out));
        }
    }

    @Override
    void maskPositive(Matrix gradient, Matrix output) {
        FloatVector zero = FloatVector.zero(SPECIES);
        int whole = whole(output);
        for (int r = 0; r < output.rows(); r++) {
            long outputs = output.at(r, 0);
            long gradients = gradient.at(r, 0);
            for (int c = 0; c < whole; c += LANES) {
                long i = (long) c * BYTES;
                FloatVector g = load(gradients + i);
                store(zero.blend(g, load(outputs + i).compare(GT, 0f)), gradients + i);
            }
        }
        if (hasRest(output)) {
            super.maskPositive(rest(gradient), rest(output));
        }
    }

    @Override
    void normGradientSums(Matrix gradient, Matrix x, Matrix statistics, Matrix partial) {
        clear(partial);
        for (int first = 0; first < x.rows(); first += TILE) {
            int end = Math.min(first + TILE, x.rows());
            for (int c = 0; c < whole(x); c += LANES) {
                addSums(gradient, x, statistics, partial, c, first, end);
            }
        }
        if (hasRest(x)) {
            super.normGradientSums(rest(gradient), rest(x), rest(statistics), rest(partial));
        }
    }

    private void clear(Matrix partial) {
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int c = 0; c < whole(partial); c += LANES) {
            setFloats(zero, partial.at(0, c));
            setFloats(zero, partial.at(1, c));
        }
    }

    private void addSums(
            Matrix gradient,
            Matrix x,
            Matrix statistics,
            Matrix partial,
            int c,
            int first,
            int end) {
        FloatVector mean = floats(statistics.at(0, c));
        FloatVector sum = floats(partial.at(0, c));
        FloatVector products = floats(partial.at(1, c));
        long xs = x.at(0, c);
        long gs = gradient.at(0, c);
        long xRow = x.rowBytes();
        long gRow = gradient.rowBytes();
        for (int r = first; r < end; r++) {
            FloatVector g = load(gs + r * gRow);
            sum = sum.add(g);
            products = g.fma(load(xs + r * xRow).sub(mean), products);
        }
        setFloats(sum, partial.at(0, c));
        setFloats(products, partial.at(1, c));
    }

    @Override
    void accumulateGradient(
            Matrix gradient,
            Matrix x,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        clear(partial);
        for (int first = 0; first < x.rows(); first += TILE) {
            int end = Math.min(first + TILE, x.rows());
            for (int c = 0; c < whole(x); c += LANES) {
                addSums(gradient, x, statistics, partial, c, first, end);
                if (add) {
                    addWeighted(gradient, weight, blockGradient, c, first, end);
                } else {
                    setWeighted(gradient, weight, blockGradient, c, first, end);
                }
            }
        }
        if (hasRest(x)) {
            super.accumulateGradient(
                    rest(gradient),
                    rest(x),
                    rest(statistics),
                    rest(weight),
                    add,
                    rest(blockGradient),
                    rest(partial));
        }
    }

    private void addWeighted(
            Matrix gradient, Matrix weight, Matrix blockGradient, int c, int first, int end) {
        FloatVector w = floats(weight.at(0, c));
        long from = gradient.at(0, c);
        long to = blockGradient.at(0, c);
        for (int r = first; r < end; r++) {
            long target = to + r * blockGradient.rowBytes();
            FloatVector g = load(from + r * gradient.rowBytes());
            store(g.fma(w, load(target)), target);
        }
    }

    private void setWeighted(
            Matrix gradient, Matrix weight, Matrix blockGradient, int c, int first, int end) {
        FloatVector w = floats(weight.at(0, c));
        long from = gradient.at(0, c);
        long to = blockGradient.at(0, c);
        for (int r = first; r < end; r++) {
            FloatVector g = load(from + r * gradient.rowBytes());
            store(g.mul(w), to + r * blockGradient.rowBytes());
        }
    }
}
