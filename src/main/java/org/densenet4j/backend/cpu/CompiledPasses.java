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
import java.util.function.Predicate;

/**
 * The passes of dense layers and transitions in machine code, over the matrices of an arena; each
 * is compiled when its form is first met.
 */
final class CompiledPasses implements AutoCloseable {
    private final long base;
    private final Predicate<DataType> compiles;
    private final CompiledCodes<CorrectionCode.Form, CorrectionCode> corrections =
            new CompiledCodes<>(CorrectionCode::new, CorrectionCode::close);
    private final CompiledCodes<MaskCode.Form, MaskCode> masks =
            new CompiledCodes<>(MaskCode::new, MaskCode::close);
    private final CompiledCodes<StatisticsCode.Form, StatisticsCode> statistics =
            new CompiledCodes<>(StatisticsCode::new, StatisticsCode::close);
    private final CompiledCodes<AveragePoolCode.Form, AveragePoolCode> pools =
            new CompiledCodes<>(AveragePoolCode::new, AveragePoolCode::close);
    private final CompiledCodes<AveragePoolGradientCode.Form, AveragePoolGradientCode>
            poolGradients =
                    new CompiledCodes<>(
                            AveragePoolGradientCode::new, AveragePoolGradientCode::close);
    private final CompiledCodes<MaxPoolCode.Form, MaxPoolCode> maxPools =
            new CompiledCodes<>(MaxPoolCode::new, MaxPoolCode::close);
    private final ThreadLocal<MemorySegment> arguments;

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
                        gradient.rowBytes(),
                        x.rowBytes(),
                        correction.rowBytes(),
                        out.rowBytes());
        corrections
                .of(form)
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
                        gradient.rowBytes(),
                        x.rowBytes(),
                        affine.rowBytes(),
                        partial.rowBytes());
        masks.of(form)
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
                        x.rowBytes(),
                        copies,
                        copy.rowBytes(),
                        partial.rowBytes());
        statistics.of(form).run(address(x), address(copy), address(partial));
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
                        x.rowBytes(),
                        out.rowBytes(),
                        affine.rowBytes());
        pools.of(form).run(address(x), address(affine), address(out));
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
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        AveragePoolGradientCode.Form form =
                new AveragePoolGradientCode.Form(
                        CompiledPointwise.storage(x.type()),
                        images,
                        height,
                        width,
                        x.columns(),
                        add,
                        pooledGradient.rowBytes(),
                        x.rowBytes(),
                        blockGradient.rowBytes(),
                        affine.rowBytes(),
                        partial.rowBytes());
        poolGradients
                .of(form)
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
        maxPools.of(maxPool(x, images, height, width, affine, out, null))
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
        maxPools.of(form)
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
                x.rowBytes(),
                gradient != null ? gradient.rowBytes() : 0,
                pooled.rowBytes(),
                affine.rowBytes());
    }

    private long address(Matrix m) {
        return base + m.offset();
    }

    @Override
    public void close() {
        corrections.close();
        masks.close();
        statistics.close();
        pools.close();
        poolGradients.close();
        maxPools.close();
    }
}
