package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.code.AveragePoolCode;
import org.densenet4j.backend.cpu.code.AveragePoolGradientCode;
import org.densenet4j.backend.cpu.code.CorrectionCode;
import org.densenet4j.backend.cpu.code.MaskCode;
import org.densenet4j.backend.cpu.code.MaxPoolCode;
import org.densenet4j.backend.cpu.code.StatisticsCode;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * The passes of dense layers and transitions in machine code, over the matrices of an arena; each
 * is compiled when its form is first met.
 */
final class CompiledPasses implements AutoCloseable {
    private final long base;
    private final Predicate<DataType> compiles;
    private final Map<CorrectionCode.Form, CorrectionCode> corrections = new ConcurrentHashMap<>();
    private final Map<MaskCode.Form, MaskCode> masks = new ConcurrentHashMap<>();
    private final Map<StatisticsCode.Form, StatisticsCode> statistics = new ConcurrentHashMap<>();
    private final Map<AveragePoolCode.Form, AveragePoolCode> pools = new ConcurrentHashMap<>();
    private final Map<AveragePoolGradientCode.Form, AveragePoolGradientCode> poolGradients =
            new ConcurrentHashMap<>();
    private final Map<MaxPoolCode.Form, MaxPoolCode> maxPools = new ConcurrentHashMap<>();
    private final ThreadLocal<MemorySegment> arguments;
    private boolean closed;

    /**
     * @param lifetime of the memory
     * @param compiles for which storage
     */
    CompiledPasses(Arena lifetime, MemorySegment memory, Predicate<DataType> compiles) {
        this.base = memory.address();
        this.compiles = compiles;
        this.arguments =
                ThreadLocal.withInitial(
                        () -> lifetime.allocate(AveragePoolGradientCode.ARGUMENTS, 64));
    }

    /** Whether all are stored alike, and in a way that code is compiled for. */
    boolean fit(Matrix... activations) {
        DataType type = activations[0].type();
        for (Matrix m : activations) {
            if (m.type() != type) {
                return false;
            }
        }
        return compiles.test(type);
    }

    /** See {@link org.densenet4j.backend.Kernels#applyCorrection}, not added. */
    void correct(Matrix gradient, Matrix x, Matrix correction, Matrix mean, Matrix out) {
        CorrectionCode.Form form =
                new CorrectionCode.Form(
                        CompiledPointwise.storage(x.type()),
                        x.rows(),
                        x.columns(),
                        rowBytes(gradient),
                        rowBytes(x),
                        rowBytes(correction),
                        rowBytes(out));
        made(corrections, form, CorrectionCode::new)
                .run(
                        address(gradient),
                        address(x),
                        address(correction),
                        address(mean),
                        address(out));
    }

    /** See {@link org.densenet4j.backend.Kernels#maskRelu}. */
    void mask(Matrix gradient, Matrix x, Matrix affine, Matrix mean, Matrix partial) {
        MaskCode.Form form =
                new MaskCode.Form(
                        CompiledPointwise.storage(x.type()),
                        x.rows(),
                        x.columns(),
                        rowBytes(gradient),
                        rowBytes(x),
                        rowBytes(affine),
                        rowBytes(partial));
        made(masks, form, MaskCode::new)
                .run(
                        address(gradient),
                        address(x),
                        address(affine),
                        address(mean),
                        address(partial));
    }

    /** See {@link org.densenet4j.backend.Kernels#channelStatistics}. */
    void statistics(Matrix x, Matrix partial) {
        statistics(x, false, x, partial);
    }

    /** See {@link org.densenet4j.backend.Kernels#appendFeatures}, without dropout. */
    void append(Matrix y, Matrix columns, Matrix partial) {
        statistics(y, true, columns, partial);
    }

    private void statistics(Matrix x, boolean copies, Matrix copy, Matrix partial) {
        StatisticsCode.Form form =
                new StatisticsCode.Form(
                        CompiledPointwise.storage(x.type()),
                        x.rows(),
                        x.columns(),
                        rowBytes(x),
                        copies,
                        rowBytes(copy),
                        rowBytes(partial));
        made(statistics, form, StatisticsCode::new)
                .run(address(x), address(copy), address(partial));
    }

    /** See {@link org.densenet4j.backend.Kernels#normaliseReluAveragePool}. */
    void averagePool(Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        AveragePoolCode.Form form =
                new AveragePoolCode.Form(
                        CompiledPointwise.storage(x.type()),
                        images,
                        height,
                        width,
                        x.columns(),
                        rowBytes(x),
                        rowBytes(out),
                        rowBytes(affine));
        made(pools, form, AveragePoolCode::new).run(address(x), address(affine), address(out));
    }

    /**
     * See {@link org.densenet4j.backend.Kernels#accumulateGradientAveragePool}.
     *
     * @param partial zeros
     */
    void averagePoolGradient(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix mean,
            Matrix weight,
            Matrix blockGradient,
            Matrix partial) {
        AveragePoolGradientCode.Form form =
                new AveragePoolGradientCode.Form(
                        CompiledPointwise.storage(x.type()),
                        images,
                        height,
                        width,
                        x.columns(),
                        rowBytes(pooledGradient),
                        rowBytes(x),
                        rowBytes(blockGradient),
                        rowBytes(affine),
                        rowBytes(partial));
        made(poolGradients, form, AveragePoolGradientCode::new)
                .run(
                        arguments.get(),
                        address(pooledGradient),
                        address(x),
                        address(affine),
                        address(mean),
                        address(weight),
                        address(blockGradient),
                        address(partial));
    }

    /** See {@link org.densenet4j.backend.Kernels#normaliseReluMaxPool}. */
    void maxPool(Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        made(maxPools, maxPool(x, images, height, width, affine, out, null), MaxPoolCode::new)
                .run(address(x), address(affine), address(out), 0);
    }

    /**
     * See {@link org.densenet4j.backend.Kernels#maxPoolBackward}.
     *
     * @param gradient zeros
     */
    void maxPoolGradient(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix gradient) {
        MaxPoolCode.Form form = maxPool(x, images, height, width, affine, pooledGradient, gradient);
        made(maxPools, form, MaxPoolCode::new)
                .run(address(x), address(affine), address(pooledGradient), address(gradient));
    }

    private static MaxPoolCode.Form maxPool(
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix pooled,
            Matrix gradient) {
        return new MaxPoolCode.Form(
                CompiledPointwise.storage(x.type()),
                images,
                height,
                width,
                x.columns(),
                gradient != null,
                rowBytes(x),
                gradient != null ? rowBytes(gradient) : 0,
                rowBytes(pooled),
                rowBytes(affine));
    }

    private <F, C> C made(Map<F, C> codes, F form, Function<F, C> compile) {
        C code = codes.get(form);
        if (code != null) {
            return code;
        }
        if (closed) {
            throw new IllegalStateException("the arena is closed");
        }
        return codes.computeIfAbsent(form, compile);
    }

    private long address(Matrix m) {
        return base + m.offset();
    }

    private static long rowBytes(Matrix m) {
        return (long) m.type().bytes() * m.stride();
    }

    @Override
    public void close() {
        closed = true;
        corrections.values().forEach(CorrectionCode::close);
        masks.values().forEach(MaskCode::close);
        statistics.values().forEach(StatisticsCode::close);
        pools.values().forEach(AveragePoolCode::close);
        poolGradients.values().forEach(AveragePoolGradientCode::close);
        maxPools.values().forEach(MaxPoolCode::close);
    }
}
