package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.BlockMemory;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.StemMemory;
import org.densenet4j.spec.StemShape;

/**
 * The stem for large images: 7x7/2 convolution, BN-ReLU, 3x3/2 max-pool into the first columns of
 * the first block.
 *
 * <p>The normalised output and the positions of the maxima are never stored: both are made again
 * per chunk. Under RECOMPUTE the convolution's output, the largest matrix of the network, is not
 * stored either; a chunk of it is made four times.
 */
final class ImageNetStem implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final StemMemory memory;
    private final StemMemory.Scratch scratch;
    private final StemConvolution convolution;
    private final BatchNormalisation norm;
    private final Matrix features;
    private final Matrix statistics;
    private final Matrix gradient;
    private final Matrix deferred;
    private final boolean naive;

    ImageNetStem(Compute compute, StemMemory memory, BlockMemory block, boolean naive) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.scratch = memory.scratch();
        this.convolution = new StemConvolution(compute, memory);
        this.norm = new BatchNormalisation(compute, "features.norm0", scratch.norm());
        int channels = memory.shape().channels();
        this.features = block.features().prefix(channels);
        this.statistics = block.statistics().prefix(channels);
        this.gradient = block.gradient().prefix(channels);
        this.deferred = block.deferred().prefix(channels);
        this.naive = naive;
    }

    @Override
    public String name() {
        return "stem";
    }

    @Override
    public Matrix output(Pass pass) {
        return features.rows(0, pass.images() * outputPixels());
    }

    private int outputPixels() {
        return memory.shape().outHeight() * memory.shape().outWidth();
    }

    private Matrix outputRows(Matrix matrix, Pass pass, int chunk) {
        Chunks chunks = memory.images();
        return matrix.rows(
                chunk * chunks.imagesPerChunk() * outputPixels(),
                chunks.images(chunk, pass.images()) * outputPixels());
    }

    /** A chunk of the convolution's output: stored, or made again. */
    private Matrix convolved(Pass pass, int lane, int chunk) {
        if (memory.output() == null) {
            return convolution.forward(pass, lane, chunk);
        }
        Chunks chunks = memory.images();
        return memory.output().rows(chunks.firstRow(chunk), chunks.rows(chunk, pass.images()));
    }

    @Override
    public void forward(Pass pass) {
        Chunks chunks = memory.images();
        int rows = pass.images() * chunks.rowsPerImage();
        convolution.packForward();
        if (memory.output() != null || pass.usesBatchStatistics()) {
            convolve(pass);
        }
        if (pass.usesBatchStatistics()) {
            kernels.finishStatistics(
                    partials(pass),
                    chunks.rowsPerChunk(),
                    rows,
                    compute.epsilon(),
                    memory.statistics());
        }
        norm.prepareForward(pass, memory.statistics(), rows);
        pool(pass);
        if (pass.usesBatchStatistics()) {
            kernels.finishStatistics(
                    partials(pass),
                    chunks.imagesPerChunk() * outputPixels(),
                    pass.images() * outputPixels(),
                    compute.epsilon(),
                    statistics);
        }
    }

    private void convolve(Pass pass) {
        Matrix partials = partials(pass);
        compute.forEachChunk(
                memory.images().count(pass.images()),
                (lane, chunk) -> {
                    Matrix s;
                    if (memory.output() == null) {
                        s = convolution.forward(pass, lane, chunk);
                    } else {
                        s = convolved(pass, lane, chunk);
                        convolution.forward(pass, lane, chunk, s);
                    }
                    kernels.channelStatistics(s, partials.rows(2 * chunk, 2));
                });
    }

    private void pool(Pass pass) {
        StemShape shape = memory.shape();
        Matrix partials = partials(pass);
        compute.forEachChunk(
                memory.images().count(pass.images()),
                (lane, chunk) -> {
                    Matrix s = convolved(pass, lane, chunk);
                    Matrix out = outputRows(features, pass, chunk);
                    if (naive) {
                        int first = memory.images().firstRow(chunk);
                        kernels.normaliseRelu(
                                s, norm.affine(), memory.normalised().rows(first, s.rows()));
                    }
                    kernels.normaliseReluMaxPool(
                            s,
                            memory.images().images(chunk, pass.images()),
                            shape.convHeight(),
                            shape.convWidth(),
                            norm.affine(),
                            out);
                    kernels.channelStatistics(out, partials.rows(2 * chunk, 2));
                });
    }

    @Override
    public void backward(Pass pass) {
        int count = memory.images().count(pass.images());
        kernels.deferredCorrection(
                deferred,
                statistics,
                pass.images() * outputPixels(),
                naive || !pass.usesBatchStatistics(),
                scratch.correction());
        Matrix statistics0 = norm.prepareAgain(pass, memory.statistics());
        Matrix partials = partials(pass);
        if (memory.output() == null) {
            convolution.packForward();
        }
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    Matrix s = convolved(pass, lane, chunk);
                    Matrix dS = throughPool(pass, lane, chunk, s);
                    kernels.maskRelu(
                            dS, s, norm.affine(), statistics0, partials.rows(2 * chunk, 2));
                });
        int rows = pass.images() * memory.images().rowsPerImage();
        Matrix correction = norm.finishAtOnce(pass, partials, count, statistics0, rows);
        convolution.prepareBackward();
        compute.forEachChunk(
                count,
                (lane, chunk) -> {
                    Matrix s = convolved(pass, lane, chunk);
                    Matrix dS = throughPool(pass, lane, chunk, s);
                    kernels.applyCorrection(dS, s, correction, statistics0, false, dS);
                    convolution.backward(pass, lane, chunk, dS);
                });
        convolution.finishBackward();
    }

    /** The finished gradient of the stem's features, taken back through the max-pool. */
    private Matrix throughPool(Pass pass, int lane, int chunk, Matrix s) {
        StemShape shape = memory.shape();
        int images = memory.images().images(chunk, pass.images());
        Matrix dPooled = scratch.pooledGradient()[lane].rows(0, images * outputPixels());
        Matrix dS = scratch.gradient()[lane].rows(0, s.rows());
        kernels.applyCorrection(
                outputRows(gradient, pass, chunk),
                outputRows(features, pass, chunk),
                scratch.correction(),
                statistics,
                false,
                dPooled);
        kernels.maxPoolBackward(
                dPooled, s, images, shape.convHeight(), shape.convWidth(), norm.affine(), dS);
        return dS;
    }

    private Matrix partials(Pass pass) {
        int count = memory.images().count(pass.images());
        return scratch.partials().reshaped(2 * count, memory.shape().channels());
    }
}
