package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.ApplyCorrectionKernel;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/** The correction of a gradient by batch normalisation, deferred until all consumers are done. */
interface BnDeferredCorrection {
    /** See {@link org.densenet4j.backend.Kernels#applyCorrection}. */
    void applyCorrection(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            boolean add,
            Matrix out);

    /** Dropout as the forward pass drew it. */
    ElementDropout drops();

    /** See {@link org.densenet4j.backend.Kernels#gradientOfAppended}. */
    default void gradientOfAppended(
            Matrix gradient,
            Matrix columns,
            Matrix correction,
            Matrix statistics,
            int firstRow,
            Dropout dropout,
            Matrix out) {
        applyCorrection(gradient, columns, correction, statistics, false, out);
        drops().apply(out, firstRow, dropout);
    }

    /** Machine code, which adds to nothing. */
    final class Compiled implements BnDeferredCorrection {
        private final CompiledPasses passes;
        private final KernelCache<ApplyCorrectionKernel.Form, ApplyCorrectionKernel> kernels;
        private final ElementDropout drops;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            kernels = passes.kernels(ApplyCorrectionKernel::new);
            drops = new ElementDropout(passes.memory());
        }

        @Override
        public void applyCorrection(
                Matrix gradient,
                Matrix x,
                Matrix correction,
                Matrix statistics,
                boolean add,
                Matrix out) {
            if (add) {
                throw new IllegalArgumentException("there is no machine code that adds");
            }
            ApplyCorrectionKernel.Form form =
                    new ApplyCorrectionKernel.Form(
                            Target.storage(x.type()),
                            x.rows(),
                            x.columns(),
                            gradient.rowBytes(),
                            x.rowBytes(),
                            correction.rowBytes(),
                            out.rowBytes());
            kernels.of(form)
                    .run(
                            passes.address(gradient),
                            passes.address(x),
                            passes.address(correction),
                            passes.address(statistics),
                            passes.address(out));
        }

        @Override
        public ElementDropout drops() {
            return drops;
        }
    }

    /** On the Vector API, for one storage type of activations ({@link StorageCopy}). */
    final class Vectors extends VectorElements implements BnDeferredCorrection {
        private static final DataType STORAGE = StorageCopy.storage(MethodHandles.lookup());
        private static final boolean FLOATS = STORAGE == DataType.FLOAT32;
        private static final int BYTES = STORAGE.bytes();
        private final ElementDropout drops;

        Vectors(MemorySegment memory) {
            super(memory);
            drops = new ElementDropout(memory);
        }

        private FloatVector load(long at) {
            return StoredVector.load(FLOATS, memory, at);
        }

        private FloatVector load(long at, VectorMask<Float> mask) {
            return StoredVector.load(FLOATS, memory, at, mask);
        }

        private void store(FloatVector v, long at) {
            StoredVector.store(FLOATS, v, memory, at);
        }

        private void store(FloatVector v, long at, VectorMask<Float> mask) {
            StoredVector.store(FLOATS, v, memory, at, mask);
        }

        private static long rowBytes(Matrix x) {
            return (long) x.stride() * BYTES;
        }

        @Override
        public void applyCorrection(
                Matrix gradient,
                Matrix x,
                Matrix correction,
                Matrix statistics,
                boolean add,
                Matrix out) {
            for (int first = 0; first < x.rows(); first += TILE) {
                int end = Math.min(first + TILE, x.rows());
                for (int c = 0; c < whole(x); c += LANES) {
                    if (add) {
                        addCorrected(gradient, x, correction, statistics, out, c, first, end);
                    } else {
                        correct(gradient, x, correction, statistics, out, c, first, end);
                    }
                }
                if (hasRest(x)) {
                    correctRest(gradient, x, correction, statistics, add, out, first, end);
                }
            }
        }

        private void correct(
                Matrix gradient,
                Matrix x,
                Matrix correction,
                Matrix statistics,
                Matrix out,
                int c,
                int first,
                int end) {
            FloatVector a = floats(correction, 0, c);
            FloatVector b = floats(correction, 1, c);
            FloatVector d = floats(correction, 2, c);
            FloatVector mean = floats(statistics, 0, c);
            long xs = x.at(0, c);
            long gs = gradient.at(0, c);
            long to = out.at(0, c);
            for (int r = first; r < end; r++) {
                FloatVector deviation = load(xs + r * rowBytes(x)).sub(mean);
                FloatVector g = load(gs + r * rowBytes(gradient));
                store(g.fma(a, deviation.fma(d, b)), to + r * rowBytes(out));
            }
        }

        private void addCorrected(
                Matrix gradient,
                Matrix x,
                Matrix correction,
                Matrix statistics,
                Matrix out,
                int c,
                int first,
                int end) {
            FloatVector a = floats(correction, 0, c);
            FloatVector b = floats(correction, 1, c);
            FloatVector d = floats(correction, 2, c);
            FloatVector mean = floats(statistics, 0, c);
            long xs = x.at(0, c);
            long gs = gradient.at(0, c);
            long to = out.at(0, c);
            for (int r = first; r < end; r++) {
                FloatVector deviation = load(xs + r * rowBytes(x)).sub(mean);
                FloatVector g = load(gs + r * rowBytes(gradient));
                long target = to + r * rowBytes(out);
                store(g.fma(a, deviation.fma(d, b)).add(load(target)), target);
            }
        }

        private void correctRest(
                Matrix gradient,
                Matrix x,
                Matrix correction,
                Matrix statistics,
                boolean add,
                Matrix out,
                int first,
                int end) {
            VectorMask<Float> mask = restMask(x);
            int c = whole(x);
            FloatVector a = floats(correction, 0, c, mask);
            FloatVector b = floats(correction, 1, c, mask);
            FloatVector d = floats(correction, 2, c, mask);
            FloatVector mean = floats(statistics, 0, c, mask);
            long xs = x.at(0, c);
            long gs = gradient.at(0, c);
            long to = out.at(0, c);
            for (int r = first; r < end; r++) {
                FloatVector deviation = load(xs + r * rowBytes(x), mask).sub(mean);
                FloatVector g = load(gs + r * rowBytes(gradient), mask);
                FloatVector value = g.fma(a, deviation.fma(d, b));
                long target = to + r * rowBytes(out);
                if (add) {
                    value = value.add(load(target, mask));
                }
                store(value, target, mask);
            }
        }

        @Override
        public ElementDropout drops() {
            return drops;
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements BnDeferredCorrection {
        private final ElementDropout drops;

        Loops(MemorySegment memory) {
            super(memory);
            drops = new ElementDropout(memory);
        }

        @Override
        public void applyCorrection(
                Matrix gradient,
                Matrix x,
                Matrix correction,
                Matrix statistics,
                boolean add,
                Matrix out) {
            for (int r = 0; r < x.rows(); r++) {
                for (int c = 0; c < x.columns(); c++) {
                    float deviation = get(x, r, c) - get(statistics, 0, c);
                    float value =
                            Math.fma(
                                    get(correction, 0, c),
                                    get(gradient, r, c),
                                    Math.fma(
                                            get(correction, 2, c),
                                            deviation,
                                            get(correction, 1, c)));
                    set(out, r, c, add ? get(out, r, c) + value : value);
                }
            }
        }

        @Override
        public ElementDropout drops() {
            return drops;
        }
    }
}
