package org.densenet4j.backend.cpu;

import static jdk.incubator.vector.VectorOperators.GT;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** Normalisations without a ReLU behind them, and residual sums, row by row. */
interface ResidualSum {
    /** See {@link org.densenet4j.backend.Kernels#normalise}. */
    void normalise(Matrix x, Matrix affine, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#addNormalised}. */
    void addNormalised(Matrix x, Matrix affine, Matrix addend, boolean relu, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#maskPositive}. */
    void maskPositive(Matrix gradient, Matrix output);

    /**
     * On the Vector API, for one storage type of activations ({@link StorageCopy}). Channels that
     * do not fill a vector, which residual networks do not have, are left to the plain loops.
     */
    final class Vectors extends VectorElements implements ResidualSum {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
        private static final int BYTES = STORAGE.bytes();
        private final Loops loops;

        Vectors(MemorySegment memory) {
            super(memory);
            loops = new Loops(memory);
        }

        private FloatVector load(long at) {
            return StoredVector.load(FLOATS, memory, at);
        }

        private void store(FloatVector v, long at) {
            StoredVector.store(FLOATS, v, memory, at);
        }

        @Override
        public void normalise(Matrix x, Matrix affine, Matrix out) {
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
                loops.normalise(rest(x), rest(affine), rest(out));
            }
        }

        @Override
        public void addNormalised(
                Matrix x, Matrix affine, Matrix addend, boolean relu, Matrix out) {
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
                loops.addNormalised(rest(x), rest(affine), rest(addend), relu, rest(out));
            }
        }

        @Override
        public void maskPositive(Matrix gradient, Matrix output) {
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
                loops.maskPositive(rest(gradient), rest(output));
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements ResidualSum {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void normalise(Matrix x, Matrix affine, Matrix out) {
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < x.columns(); c++) {
                    set(out, r, c, normalised(x, r, c, affine));
                }
            }
        }

        @Override
        public void addNormalised(
                Matrix x, Matrix affine, Matrix addend, boolean relu, Matrix out) {
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < x.columns(); c++) {
                    float sum = normalised(x, r, c, affine) + get(addend, r, c);
                    set(out, r, c, relu ? Math.max(0f, sum) : sum);
                }
            }
        }

        @Override
        public void maskPositive(Matrix gradient, Matrix output) {
            for (int r = 0; r < output.rows(); r++) {
                for (int c = 0; c < output.columns(); c++) {
                    if (!(get(output, r, c) > 0)) {
                        set(gradient, r, c, 0);
                    }
                }
            }
        }
    }
}
