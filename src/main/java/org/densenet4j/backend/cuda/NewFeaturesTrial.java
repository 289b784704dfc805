package org.densenet4j.backend.cuda;

import org.densenet4j.backend.AppendedConvolution;
import org.densenet4j.backend.AppendedGradient;
import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.LayerHalf;
import org.densenet4j.backend.Matrix;

/** The 3x3 half of a dense layer, as its stage in the engine runs it. Nothing is dropped. */
final class NewFeaturesTrial implements LayerTrial {
    private static final float EPSILON = 1e-5f;
    private static final int TAPS = 9;

    private final ConvolutionShape whole;
    private final ConvolutionShape chunk;
    private final int pixels;
    private final Matrix z;
    private final Matrix result;
    private final Matrix columns;
    private final Matrix gradient;
    private final Matrix affine;
    private final Matrix zStatistics;
    private final Matrix correction;
    private final Matrix statistics;
    private final Matrix weights;
    private final Matrix weightGradient;
    private final Matrix partials;
    private final Matrix sums;
    private final Matrix packedOfFused;
    private final Matrix packed;
    private final Matrix weightSum;
    private final Matrix ofChunk;
    private final Matrix normalised;
    private final Matrix output;
    private CudaArena arena;
    private AppendedConvolution fused;
    private Convolution libraries;

    NewFeaturesTrial(CudaDevice device, LayerHalf.NewFeatures half, TrialMemory memory) {
        whole = half.whole();
        chunk = whole.withImages(half.chunkImages());
        pixels = whole.height() * whole.width();
        DataType type = whole.type();
        int rows = whole.images() * pixels;
        int chunkRows = chunk.images() * pixels;
        int inputs = whole.inputChannels();
        int k = whole.outputChannels();
        // Somewhere in the block, behind an even number of columns.
        int before = Math.max(0, half.blockColumns() - k) / 2 * 2;
        z = memory.values(memory.dense(rows, inputs, type), 0, 1);
        result = memory.dense(rows, inputs, type);
        columns = block(memory, half, rows).columns(before, k);
        gradient = block(memory, half, rows).columns(before, k);
        affine = memory.values(memory.floats(2, inputs), 0.5, 0.5);
        zStatistics = memory.values(memory.floats(3, inputs), 1, 0.1);
        correction = memory.values(memory.floats(3, k), 1e-3, 1e-3);
        statistics = memory.values(memory.floats(3, k), 1, 0.1);
        weights = memory.values(memory.floats(k, TAPS * inputs), 0, 1 / Math.sqrt(TAPS * inputs));
        weightGradient = memory.floats(k, TAPS * inputs);
        int chunks = Math.ceilDiv(whole.images(), chunk.images());
        partials = memory.floats(2 * chunks, Math.max(inputs, k));
        sums = memory.floats(4, inputs);
        ConvolutionMemory ofFused = device.appendedMemory(whole).orElseThrow();
        memory.scratch(ofFused.scratch());
        packedOfFused = memory.bytes(ofFused.packedWeights());
        ConvolutionMemory needed = device.memory(chunk);
        memory.scratch(needed.scratch());
        packed = memory.bytes(needed.packedWeights());
        weightSum = memory.bytes(needed.packedGradient());
        ofChunk = memory.bytes(needed.packedGradient());
        normalised = memory.dense(chunkRows, inputs, type);
        output = memory.dense(chunkRows, k, type);
        int rest = whole.images() % chunk.images();
        memory.scratch(device.memory(chunk.withImages(Math.max(1, rest))).scratch());
    }

    private static Matrix block(TrialMemory memory, LayerHalf.NewFeatures half, int rows) {
        int columns = half.blockColumns();
        return memory.values(memory.strided(rows, columns, columns, half.whole().type()), 0, 1e-2);
    }

    @Override
    public void open(CudaArena opened) {
        arena = opened;
        fused = opened.appended(whole);
        libraries = opened.convolution(chunk);
    }

    @Override
    public void runFused() {
        fused.packForward(0, weights, packedOfFused);
        Matrix ofY = partials.reshaped(2, columns.columns());
        fused.forward(whole.images(), z, affine, packedOfFused, Dropout.NONE, columns, ofY);
        finishForward(ofY, whole);
        fused.packBackward(0, weights, packedOfFused);
        Matrix ofZ = partials.reshaped(2, z.columns());
        fused.backward(
                whole.images(),
                new AppendedGradient(
                        gradient,
                        columns,
                        correction,
                        statistics,
                        Dropout.NONE,
                        z,
                        affine,
                        zStatistics,
                        packedOfFused,
                        result,
                        weightGradient,
                        ofZ));
        finishBackward(ofZ);
    }

    @Override
    public void runByLibraries() {
        Kernels kernels = arena.kernels();
        int chunks = partials.rows() / 2;
        libraries.packForward(0, weights, packed);
        Matrix ofY = partials.reshaped(2 * chunks, columns.columns());
        for (int i = 0; i < chunks; i++) {
            int images = images(i);
            Matrix y = output.rows(0, images * pixels);
            libraries.forward(
                    kernels,
                    0,
                    images,
                    part(z, i),
                    affine,
                    normalised.rows(0, images * pixels),
                    packed,
                    y);
            kernels.appendFeatures(
                    y, part(columns, i), firstRow(i), Dropout.NONE, ofY.rows(2 * i, 2));
        }
        finishForward(ofY, chunk);
        libraries.packBackward(0, weights, packed);
        kernels.fill(weightSum, 0);
        Matrix ofZ = partials.reshaped(2 * chunks, z.columns());
        for (int i = 0; i < chunks; i++) {
            int images = images(i);
            Matrix dY = output.rows(0, images * pixels);
            kernels.applyCorrection(
                    part(gradient, i), part(columns, i), correction, statistics, false, dY);
            libraries.backwardWeights(
                    kernels,
                    0,
                    images,
                    part(z, i),
                    affine,
                    normalised.rows(0, images * pixels),
                    dY,
                    ofChunk,
                    weightSum);
            libraries.backwardData(0, images, dY, packed, part(result, i));
            kernels.maskRelu(part(result, i), part(z, i), affine, zStatistics, ofZ.rows(2 * i, 2));
        }
        finishBackward(ofZ);
        libraries.reduceWeightGradient(0, weightSum, weightGradient);
    }

    private int firstRow(int index) {
        return index * chunk.images() * pixels;
    }

    private int images(int index) {
        return Math.min(chunk.images(), whole.images() - index * chunk.images());
    }

    /** A chunk of a matrix of the whole batch. */
    private Matrix part(Matrix m, int index) {
        return m.rows(firstRow(index), images(index) * pixels);
    }

    private void finishForward(Matrix ofY, ConvolutionShape ofCall) {
        arena.kernels()
                .finishStatistics(ofY, ofCall.images() * pixels, z.rows(), EPSILON, statistics);
    }

    private void finishBackward(Matrix ofZ) {
        arena.kernels()
                .finishNormGradient(
                        ofZ,
                        ofZ.rows() / 2,
                        zStatistics,
                        sums.rows(0, 2),
                        sums.row(2),
                        sums.row(3));
    }
}
