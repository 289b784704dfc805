package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * The kernels on the Vector API: each pass over activations goes to the copy of {@link
 * VectorPasses} that was compiled for their storage type.
 */
final class VectorKernels extends ScalarKernels {
    private static final MethodHandle BFLOAT16_PASSES = passesFor(DataType.BFLOAT16);

    private final ScalarKernels floats;
    private final ScalarKernels halves;

    VectorKernels(MemorySegment memory) {
        super(memory);
        floats = new VectorPasses(memory);
        try {
            halves = (ScalarKernels) BFLOAT16_PASSES.invokeExact(memory);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Width of the vectors in use, in bits. */
    static int vectorBits() {
        return VectorPasses.vectorBits();
    }

    /**
     * Defines {@link VectorPasses} once more, with another constant for its storage type. Loops
     * that ask for the type, or share compiled code with those of another type, are several times
     * slower.
     */
    private static MethodHandle passesFor(DataType type) {
        try (InputStream in = VectorPasses.class.getResourceAsStream("VectorPasses.class")) {
            MethodHandles.Lookup passes =
                    MethodHandles.lookup()
                            .defineHiddenClassWithClassData(in.readAllBytes(), type, true);
            return passes.findConstructor(
                            passes.lookupClass(),
                            MethodType.methodType(void.class, MemorySegment.class))
                    .asType(MethodType.methodType(ScalarKernels.class, MemorySegment.class));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private ScalarKernels passes(Matrix activations) {
        return activations.type() == DataType.FLOAT32 ? floats : halves;
    }

    @Override
    public void channelStatistics(Matrix x, Matrix partial) {
        passes(x).channelStatistics(x, partial);
    }

    @Override
    public void normaliseRelu(Matrix x, Matrix affine, Matrix out) {
        passes(x).normaliseRelu(x, affine, out);
    }

    @Override
    public void appendFeatures(
            Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial) {
        passes(y).appendFeatures(y, columns, firstRow, dropout, partial);
    }

    @Override
    public void normaliseReluAveragePool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        passes(x).normaliseReluAveragePool(x, images, height, width, affine, out);
    }

    @Override
    public void normaliseReluMaxPool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        passes(x).normaliseReluMaxPool(x, images, height, width, affine, out);
    }

    @Override
    public void normaliseReluGlobalPool(
            Matrix x, int images, int pixels, Matrix affine, Matrix out) {
        passes(x).normaliseReluGlobalPool(x, images, pixels, affine, out);
    }

    @Override
    public void maskRelu(
            Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial) {
        passes(x).maskRelu(gradient, x, affine, statistics, partial);
    }

    @Override
    public void applyCorrection(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            boolean add,
            Matrix out) {
        passes(x).applyCorrection(gradient, x, correction, statistics, add, out);
    }

    @Override
    public void accumulateGradient(
            Matrix gradient,
            Matrix x,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        passes(x)
                .accumulateGradient(
                        gradient, x, affine, statistics, weight, add, blockGradient, partial);
    }

    @Override
    public void accumulateGradientAveragePool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            Matrix blockGradient,
            Matrix partial) {
        passes(x)
                .accumulateGradientAveragePool(
                        pooledGradient,
                        x,
                        images,
                        height,
                        width,
                        affine,
                        statistics,
                        weight,
                        blockGradient,
                        partial);
    }

    @Override
    public void accumulateGradientGlobalPool(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int pixels,
            Matrix affine,
            Matrix statistics,
            Matrix weight,
            Matrix blockGradient,
            Matrix partial) {
        passes(x)
                .accumulateGradientGlobalPool(
                        pooledGradient,
                        x,
                        images,
                        pixels,
                        affine,
                        statistics,
                        weight,
                        blockGradient,
                        partial);
    }

    @Override
    public void maxPoolBackward(
            Matrix pooledGradient,
            Matrix x,
            int images,
            int height,
            int width,
            Matrix affine,
            Matrix out) {
        passes(x).maxPoolBackward(pooledGradient, x, images, height, width, affine, out);
    }

    @Override
    public void sgd(
            Matrix parameters,
            Matrix gradients,
            Matrix velocity,
            float rate,
            float momentum,
            boolean nesterov,
            float decay,
            float gradientScale,
            boolean firstStep) {
        floats.sgd(
                parameters,
                gradients,
                velocity,
                rate,
                momentum,
                nesterov,
                decay,
                gradientScale,
                firstStep);
    }

    @Override
    void convert(Matrix source, Matrix target) {
        halves.convert(source, target);
    }

    @Override
    public void add(Matrix source, Matrix target) {
        floats.add(source, target);
    }
}
