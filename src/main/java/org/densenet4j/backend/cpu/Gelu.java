package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.GeluKernel;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/**
 * The Gaussian error linear unit, with its gradient.
 *
 * <p>The normal distribution function of a negative number is {@code Φ(−a) = erfc(z)/2} with {@code
 * z = a/√2}, and the complementary error function {@code erfc(z) = t·P(t)·exp(−z²)} with {@code t =
 * 1/(1 + 0.33·z)} and a polynomial P that was fitted to it over z from 0 to 10, behind which it
 * underflows: its relative error is 9.4e-8 at most, that of one rounding. {@code exp(−z²)} is what
 * the density of the gradient needs, too.
 */
interface Gelu {
    /** Of t. */
    float SLOPE = 0.33f;

    /** Coefficients of P, from that of 1 on. */
    float P0 = 0.1863577946761967f;

    /** Of t. */
    float P1 = 0.18295607575130268f;

    /** Of t². */
    float P2 = 0.20122302970781086f;

    /** Of t³. */
    float P3 = 0.047223565254166634f;

    /** Of t⁴. */
    float P4 = 0.40849429311682756f;

    /** Of t⁵. */
    float P5 = -0.3511432939554148f;

    /** Of t⁶. */
    float P6 = 0.4602332523396557f;

    /** Of t⁷. */
    float P7 = -0.1353447244111457f;

    /** 1/√2. */
    float ROOT_HALF = 0.70710678118654752440f;

    /** 1/√(2π). */
    float DENSITY = 0.39894228040143267794f;

    /** See {@link org.densenet4j.backend.Kernels#gelu}. */
    void gelu(Matrix x, Matrix out);

    /** See {@link org.densenet4j.backend.Kernels#geluGradient}. */
    void geluGradient(Matrix gradient, Matrix x, Matrix out);

    /** Machine code. */
    final class Compiled implements Gelu {
        private static final GeluKernel.Approximation APPROXIMATION =
                new GeluKernel.Approximation(
                        SLOPE * ROOT_HALF, DENSITY, P7, P6, P5, P4, P3, P2, P1, P0);

        private final CompiledPasses passes;
        private final KernelCache<GeluKernel.Form, GeluKernel> kernels;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            kernels = passes.kernels((set, form) -> new GeluKernel(set, form, APPROXIMATION));
        }

        @Override
        public void gelu(Matrix x, Matrix out) {
            run(null, x, out);
        }

        @Override
        public void geluGradient(Matrix gradient, Matrix x, Matrix out) {
            run(gradient, x, out);
        }

        private void run(@Nullable Matrix gradient, Matrix x, Matrix out) {
            GeluKernel.Form form =
                    new GeluKernel.Form(
                            Target.storage(x.type()),
                            x.rows(),
                            x.columns(),
                            gradient != null,
                            gradient == null ? 0 : gradient.rowBytes(),
                            x.rowBytes(),
                            out.rowBytes());
            kernels.of(form)
                    .run(
                            gradient == null ? 0 : passes.address(gradient),
                            passes.address(x),
                            passes.address(out));
        }
    }

    /** On the Vector API, for one storage type of activations ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements Gelu {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;

        Vectors(MemorySegment memory) {
            super(memory);
        }

        private FloatVector load(Matrix x, int row, int c) {
            return StoredVector.load(FLOATS, memory, x.at(row, c));
        }

        private FloatVector load(Matrix x, int row, int c, VectorMask<Float> mask) {
            return StoredVector.load(FLOATS, memory, x.at(row, c), mask);
        }

        private void store(FloatVector v, Matrix x, int row, int c) {
            StoredVector.store(FLOATS, v, memory, x.at(row, c));
        }

        private void store(FloatVector v, Matrix x, int row, int c, VectorMask<Float> mask) {
            StoredVector.store(FLOATS, v, memory, x.at(row, c), mask);
        }

        /** {@code exp(−x²/2)}. */
        private static FloatVector exponential(FloatVector x) {
            return x.mul(x).mul(-0.5f).lanewise(VectorOperators.EXP);
        }

        private static FloatVector distribution(FloatVector x, FloatVector exponential) {
            FloatVector z = x.abs().mul(SLOPE * ROOT_HALF).add(1);
            FloatVector t = FloatVector.broadcast(SPECIES, 1).div(z);
            FloatVector p = t.mul(P7).add(P6).fma(t, broadcast(P5)).fma(t, broadcast(P4));
            p = p.fma(t, broadcast(P3)).fma(t, broadcast(P2)).fma(t, broadcast(P1));
            FloatVector tail = p.fma(t, broadcast(P0)).mul(t).mul(exponential).mul(0.5f);
            return broadcast(1).sub(tail).blend(tail, x.compare(VectorOperators.LT, 0));
        }

        private static FloatVector broadcast(float value) {
            return FloatVector.broadcast(SPECIES, value);
        }

        private static FloatVector gelu(FloatVector x) {
            return x.mul(distribution(x, exponential(x)));
        }

        private static FloatVector slope(FloatVector x) {
            FloatVector e = exponential(x);
            return x.mul(e).fma(broadcast(DENSITY), distribution(x, e));
        }

        @Override
        public void gelu(Matrix x, Matrix out) {
            VectorMask<Float> mask = restMask(x);
            int whole = whole(x);
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < whole; c += LANES) {
                    store(gelu(load(x, r, c)), out, r, c);
                }
                if (hasRest(x)) {
                    store(gelu(load(x, r, whole, mask)), out, r, whole, mask);
                }
            }
        }

        @Override
        public void geluGradient(Matrix gradient, Matrix x, Matrix out) {
            VectorMask<Float> mask = restMask(x);
            int whole = whole(x);
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < whole; c += LANES) {
                    store(load(gradient, r, c).mul(slope(load(x, r, c))), out, r, c);
                }
                if (hasRest(x)) {
                    FloatVector g = load(gradient, r, whole, mask);
                    store(g.mul(slope(load(x, r, whole, mask))), out, r, whole, mask);
                }
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements Gelu {
        Loops(MemorySegment memory) {
            super(memory);
        }

        private static float distribution(float x, float exponential) {
            float t = 1 / (1 + SLOPE * ROOT_HALF * Math.abs(x));
            float p = P7;
            p = Math.fma(p, t, P6);
            p = Math.fma(p, t, P5);
            p = Math.fma(p, t, P4);
            p = Math.fma(p, t, P3);
            p = Math.fma(p, t, P2);
            p = Math.fma(p, t, P1);
            p = Math.fma(p, t, P0);
            float tail = p * t * exponential * 0.5f;
            return x < 0 ? tail : 1 - tail;
        }

        private static float exponential(float x) {
            return (float) Math.exp(-0.5 * x * x);
        }

        @Override
        public void gelu(Matrix x, Matrix out) {
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < x.columns(); c++) {
                    float value = get(x, r, c);
                    set(out, r, c, value * distribution(value, exponential(value)));
                }
            }
        }

        @Override
        public void geluGradient(Matrix gradient, Matrix x, Matrix out) {
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < x.columns(); c++) {
                    float value = get(x, r, c);
                    float e = exponential(value);
                    float slope = Math.fma(value * e, DENSITY, distribution(value, e));
                    set(out, r, c, get(gradient, r, c) * slope);
                }
            }
        }
    }
}
