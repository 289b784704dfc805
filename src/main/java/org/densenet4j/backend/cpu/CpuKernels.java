package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The kernels of a CPU: a pass over activations runs as machine code where there is some for it,
 * else as a loop on the Vector API, compiled for the activations' storage type, and where the JVM
 * was started without that as a plain loop. Nothing of the Vector API is touched then.
 */
final class CpuKernels extends ScalarKernels {
    private final boolean vectorApi;
    private final ScalarKernels floats;
    private final ScalarKernels halves;
    private final Optional<CompiledPasses> compiled;
    private final ScalarKernels chunkSums;
    private final ScalarResiduals floatResiduals;
    private final ScalarResiduals halfResiduals;
    private final ScalarSums floatSums;
    private final ScalarSums halfSums;
    private final ScalarRmsprop rmsprop;

    CpuKernels(MemorySegment memory, Optional<CompiledPasses> compiled, boolean vectorApi) {
        super(memory);
        this.compiled = compiled;
        this.vectorApi = vectorApi;
        if (vectorApi) {
            floats = new VectorPasses(memory);
            halves = VectorPasses.ofBFloat16(memory);
            chunkSums = new ChunkSums(memory);
            floatResiduals = new VectorResiduals(memory);
            halfResiduals = VectorResiduals.ofBFloat16(memory);
            floatSums = new VectorSums(memory);
            halfSums = VectorSums.ofBFloat16(memory);
            rmsprop = new VectorRmsprop(memory);
        } else {
            floats = new ScalarKernels(memory);
            halves = floats;
            chunkSums = floats;
            floatResiduals = new ScalarResiduals(memory);
            halfResiduals = floatResiduals;
            floatSums = new ScalarSums(memory);
            halfSums = floatSums;
            rmsprop = new ScalarRmsprop(memory);
        }
    }

    /** Whether there is machine code for a pass over these. */
    private boolean compiles(Matrix... activations) {
        return compiled.isPresent() && compiled.get().fit(activations);
    }

    /** Loops over activations, for a pass that has no machine code here. */
    private ScalarKernels passes(Matrix activations) {
        if (!vectorApi) {
            SlowdownNotice.loopsWithoutVectors();
        }
        return loops(activations);
    }

    @Override
    ScalarResiduals residuals(Matrix activations) {
        if (!vectorApi) {
            SlowdownNotice.loopsWithoutVectors();
        }
        return activations.type() == DataType.FLOAT32 ? floatResiduals : halfResiduals;
    }

    @Override
    ScalarSums sums(Matrix x) {
        return x.type() == DataType.FLOAT32 ? floatSums : halfSums;
    }

    @Override
    ScalarRmsprop rmsprop() {
        return rmsprop;
    }

    /** Loops for passes that are too few to matter. */
    private ScalarKernels loops(Matrix x) {
        return x.type() == DataType.FLOAT32 ? floats : halves;
    }

    @Override
    public void squaredNorm(Matrix x, Matrix target) {
        loops(x).squaredNorm(x, target);
    }

    @Override
    public void channelStatistics(Matrix x, Matrix partial) {
        if (compiles(x)) {
            compiled.get().statistics(x, partial);
        } else {
            passes(x).channelStatistics(x, partial);
        }
    }

    @Override
    public void normaliseRelu(Matrix x, Matrix affine, Matrix out) {
        passes(x).normaliseRelu(x, affine, out);
    }

    @Override
    public void appendFeatures(
            Matrix y, Matrix columns, int firstRow, Dropout dropout, Matrix partial) {
        if (dropout == Dropout.NONE && compiles(y, columns)) {
            compiled.get().append(y, columns, partial);
        } else {
            passes(y).appendFeatures(y, columns, firstRow, dropout, partial);
        }
    }

    @Override
    public void normaliseReluAveragePool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        if (compiles(x, out)) {
            compiled.get().averagePool(x, images, height, width, affine, out);
        } else {
            passes(x).normaliseReluAveragePool(x, images, height, width, affine, out);
        }
    }

    @Override
    public void normaliseReluMaxPool(
            Matrix x, int images, int height, int width, Matrix affine, Matrix out) {
        if (compiles(x, out)) {
            compiled.get().maxPool(x, images, height, width, affine, out);
        } else {
            passes(x).normaliseReluMaxPool(x, images, height, width, affine, out);
        }
    }

    @Override
    public void normaliseReluGlobalPool(
            Matrix x, int images, int pixels, Matrix affine, Matrix out) {
        loops(x).normaliseReluGlobalPool(x, images, pixels, affine, out);
    }

    @Override
    public void finishStatistics(
            Matrix partials, int rowsPerChunk, int rows, float epsilon, Matrix statistics) {
        chunkSums.finishStatistics(partials, rowsPerChunk, rows, epsilon, statistics);
    }

    @Override
    public void finishNormGradient(
            Matrix partials,
            int chunks,
            Matrix statistics,
            Matrix sums,
            Matrix gammaGradient,
            Matrix betaGradient) {
        chunkSums.finishNormGradient(
                partials, chunks, statistics, sums, gammaGradient, betaGradient);
    }

    @Override
    public void maskRelu(
            Matrix gradient, Matrix x, Matrix affine, Matrix statistics, Matrix partial) {
        if (compiles(gradient, x)) {
            compiled.get().mask(gradient, x, affine, statistics, partial);
        } else {
            passes(x).maskRelu(gradient, x, affine, statistics, partial);
        }
    }

    @Override
    public void applyCorrection(
            Matrix gradient,
            Matrix x,
            Matrix correction,
            Matrix statistics,
            boolean add,
            Matrix out) {
        if (!add && compiles(gradient, x, out)) {
            compiled.get().correct(gradient, x, correction, statistics, out);
        } else {
            passes(x).applyCorrection(gradient, x, correction, statistics, add, out);
        }
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
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        if (compiles(pooledGradient, x, blockGradient)) {
            fill(partial, 0);
            compiled.get()
                    .averagePoolGradient(
                            pooledGradient,
                            x,
                            images,
                            height,
                            width,
                            affine,
                            statistics,
                            weight,
                            add,
                            blockGradient,
                            partial);
            return;
        }
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
                        add,
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
            boolean add,
            Matrix blockGradient,
            Matrix partial) {
        loops(x).accumulateGradientGlobalPool(
                        pooledGradient,
                        x,
                        images,
                        pixels,
                        affine,
                        statistics,
                        weight,
                        add,
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
        if (compiles(pooledGradient, x, out)) {
            fill(out, 0);
            compiled.get().maxPoolGradient(pooledGradient, x, images, height, width, affine, out);
        } else {
            passes(x).maxPoolBackward(pooledGradient, x, images, height, width, affine, out);
        }
    }

    @Override
    public void maxPool(Matrix x, int images, PoolShape shape, Matrix out) {
        passes(x).maxPool(x, images, shape, out);
    }

    @Override
    public void maxPoolGradient(
            Matrix pooledGradient, Matrix x, int images, PoolShape shape, Matrix out) {
        passes(x).maxPoolGradient(pooledGradient, x, images, shape, out);
    }

    @Override
    public void averagePool(Matrix x, int images, PoolShape shape, Matrix out) {
        passes(x).averagePool(x, images, shape, out);
    }

    @Override
    public void averagePoolGradient(
            Matrix pooledGradient, int images, PoolShape shape, Matrix out) {
        passes(out).averagePoolGradient(pooledGradient, images, shape, out);
    }

    @Override
    public void blurPool(Matrix x, int images, int height, int width, Matrix out) {
        passes(x).blurPool(x, images, height, width, out);
    }

    @Override
    public void blurPoolGradient(
            Matrix pooledGradient, int images, int height, int width, Matrix out) {
        passes(out).blurPoolGradient(pooledGradient, images, height, width, out);
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
            float gradientScale) {
        floats.sgd(parameters, gradients, velocity, rate, momentum, nesterov, decay, gradientScale);
    }

    @Override
    void convert(Matrix source, Matrix target) {
        halves.convert(source, target);
    }
}
