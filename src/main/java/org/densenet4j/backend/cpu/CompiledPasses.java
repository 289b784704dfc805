package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.AccumulateGradientAveragePoolKernel;
import org.densenet4j.backend.cpu.jit.AccumulateGradientAveragePoolKernel.Argument;
import org.densenet4j.backend.cpu.jit.AppendFeaturesKernel;
import org.densenet4j.backend.cpu.jit.ApplyCorrectionKernel;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.MaskReluKernel;
import org.densenet4j.backend.cpu.jit.NormaliseReluAveragePoolKernel;
import org.densenet4j.backend.cpu.jit.NormaliseReluMaxPoolKernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The passes of dense layers and transitions in machine code, over the matrices of an arena; each
 * is compiled when its form is first met.
 */
final class CompiledPasses implements AutoCloseable {
    private final long base;
    private final KernelCache<ApplyCorrectionKernel.Form, ApplyCorrectionKernel> corrections;
    private final KernelCache<MaskReluKernel.Form, MaskReluKernel> masks;
    private final KernelCache<AppendFeaturesKernel.Form, AppendFeaturesKernel> statistics;
    private final KernelCache<NormaliseReluAveragePoolKernel.Form, NormaliseReluAveragePoolKernel>
            pools;
    private final KernelCache<
                    AccumulateGradientAveragePoolKernel.Form, AccumulateGradientAveragePoolKernel>
            poolGradients;
    private final KernelCache<NormaliseReluMaxPoolKernel.Form, NormaliseReluMaxPoolKernel> maxPools;
    private final ThreadLocal<Arguments> arguments;

    /**
     * Passes over some memory.
     *
     * @param lifetime of the memory
     */
    CompiledPasses(Target target, Arena lifetime, MemorySegment memory) {
        InstructionSet set = target.set();
        this.base = memory.address();
        this.corrections = new KernelCache<>(set, ApplyCorrectionKernel::new);
        this.masks = new KernelCache<>(set, MaskReluKernel::new);
        this.statistics = new KernelCache<>(set, AppendFeaturesKernel::new);
        this.pools = new KernelCache<>(set, NormaliseReluAveragePoolKernel::new);
        this.poolGradients = new KernelCache<>(set, AccumulateGradientAveragePoolKernel::new);
        this.maxPools = new KernelCache<>(set, NormaliseReluMaxPoolKernel::new);
        this.arguments =
                ThreadLocal.withInitial(
                        () ->
                                new Arguments(
                                        lifetime,
                                        AccumulateGradientAveragePoolKernel.Argument.class));
    }

    /** Whether all are stored alike. */
    boolean fit(Matrix... activations) {
        DataType type = activations[0].type();
        for (Matrix m : activations) {
            if (m.type() != type) {
                return false;
            }
        }
        return true;
    }

    /** See {@link org.densenet4j.backend.Kernels#applyCorrection}, not added. */
    void correct(Matrix gradient, Matrix x, Matrix correction, Matrix mean, Matrix out) {
        ApplyCorrectionKernel.Form form =
                new ApplyCorrectionKernel.Form(
                        Target.storage(x.type()),
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
        MaskReluKernel.Form form =
                new MaskReluKernel.Form(
                        Target.storage(x.type()),
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
        AppendFeaturesKernel.Form form =
                new AppendFeaturesKernel.Form(
                        Target.storage(x.type()),
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
        NormaliseReluAveragePoolKernel.Form form =
                new NormaliseReluAveragePoolKernel.Form(
                        Target.storage(x.type()),
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
        AccumulateGradientAveragePoolKernel.Form form =
                new AccumulateGradientAveragePoolKernel.Form(
                        Target.storage(x.type()),
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
                        arguments
                                .get()
                                .set(Argument.POOLED, address(pooledGradient))
                                .set(Argument.X, address(x))
                                .set(Argument.AFFINE, address(affine))
                                .set(Argument.MEAN, address(mean))
                                .set(Argument.WEIGHT, address(weight))
                                .set(Argument.GRADIENT, address(blockGradient))
                                .set(Argument.SUMS, address(partial)));
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
        NormaliseReluMaxPoolKernel.Form form =
                maxPool(x, images, height, width, affine, pooledGradient, gradient);
        maxPools.of(form)
                .run(address(x), address(affine), address(pooledGradient), address(gradient));
    }

    private static NormaliseReluMaxPoolKernel.Form maxPool(
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix pooled,
            Matrix gradient) {
        return new NormaliseReluMaxPoolKernel.Form(
                Target.storage(x.type()),
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
