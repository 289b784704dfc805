package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.LayerHalf;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.backend.PointwiseMemory;
import org.densenet4j.backend.PointwiseShape;

/** The 1x1 half of a dense layer, as its stage in the engine runs it. */
final class BottleneckTrial implements LayerTrial {
    private static final float EPSILON = 1e-5f;

    /** One way: the convolution over one chunk, and what it works in. */
    private static final class Way {
        final PointwiseShape shape;
        final Matrix packed;
        final Matrix chunk;
        final Matrix partials;
        PointwiseConvolution convolution;

        Way(CudaDevice device, PointwiseShape whole, int rows, TrialMemory memory) {
            this.shape = whole.withRows(rows);
            PointwiseMemory needed = device.memory(shape);
            packed = memory.bytes(needed.packedWeights());
            chunk = memory.bytes(needed.chunk());
            memory.scratch(needed.scratch());
            int rest = whole.rows() % rows;
            if (rest > 0) {
                memory.scratch(device.memory(whole.withRows(rest)).scratch());
            }
            int most = Math.max(whole.inputChannels(), whole.outputChannels());
            partials = memory.floats(2 * chunks(whole.rows()), most);
        }

        int chunks(int rows) {
            return Math.ceilDiv(rows, shape.rows());
        }
    }

    private final int rows;
    private final Way fused;
    private final Way libraries;
    private final Matrix x;
    private final Matrix gradient;
    private final Matrix z;
    private final Matrix result;
    private final Matrix affine;
    private final Matrix statistics;
    private final Matrix factor;
    private final Matrix correction;
    private final Matrix zStatistics;
    private final Matrix weight;
    private final Matrix weightSum;
    private final Matrix weightGradient;
    private final Matrix sums;
    private CudaArena arena;

    BottleneckTrial(CudaDevice device, LayerHalf.Bottleneck half, TrialMemory memory) {
        PointwiseShape whole = half.whole();
        DataType type = whole.type();
        this.rows = whole.rows();
        int inputs = whole.inputChannels();
        int outputs = whole.outputChannels();
        int stride = half.blockColumns();
        x = memory.values(memory.strided(rows, inputs, stride, type), 0, 1);
        gradient = memory.values(memory.strided(rows, inputs, stride, type), 0, 1e-3);
        z = memory.dense(rows, outputs, type);
        result = memory.values(memory.dense(rows, outputs, type), 0, 1e-3);
        affine = memory.values(memory.floats(2, inputs), 0.5, 0.5);
        statistics = memory.values(memory.floats(3, inputs), 1, 0.1);
        factor = memory.values(memory.floats(1, inputs), 1, 0.1);
        correction = memory.values(memory.floats(3, outputs), 1e-3, 1e-3);
        zStatistics = memory.floats(3, outputs);
        weight = memory.values(memory.dense(outputs, inputs, type), 0, 1 / Math.sqrt(inputs));
        weightSum = memory.floats(outputs, inputs);
        weightGradient = memory.floats(outputs, inputs);
        sums = memory.floats(4, inputs);
        fused = new Way(device, whole, rows, memory);
        libraries = new Way(device, whole.asComposed(), half.chunkRows(), memory);
    }

    @Override
    public void open(CudaArena opened) {
        arena = opened;
        fused.convolution = opened.pointwise(fused.shape);
        libraries.convolution = opened.pointwise(libraries.shape);
    }

    @Override
    public void runFused() {
        run(fused, weightGradient); // the whole batch needs no sum of its own
    }

    @Override
    public void runByLibraries() {
        arena.kernels().fill(weightSum, 0);
        run(libraries, weightSum);
        arena.kernels().add(weightSum, weightGradient);
    }

    private void run(Way way, Matrix sum) {
        int chunk = way.shape.rows();
        Matrix packed = way.convolution.packForward(0, weight, way.packed);
        Matrix ofZ = way.partials.reshaped(2 * way.chunks(rows), z.columns());
        for (int first = 0; first < rows; first += chunk) {
            int count = Math.min(chunk, rows - first);
            way.convolution.forward(
                    arena.kernels(),
                    0,
                    x.rows(first, count),
                    affine,
                    packed,
                    way.chunk,
                    z.rows(first, count),
                    ofZ.rows(first / chunk * 2, 2));
        }
        arena.kernels().finishStatistics(ofZ, chunk, rows, EPSILON, zStatistics);

        packed = way.convolution.packBackward(0, weight, way.packed);
        Matrix ofX = way.partials.reshaped(2 * way.chunks(rows), x.columns());
        for (int first = 0; first < rows; first += chunk) {
            int count = Math.min(chunk, rows - first);
            way.convolution.backward(
                    0,
                    new PointwiseGradient(
                            result.rows(first, count),
                            z.rows(first, count),
                            correction,
                            zStatistics,
                            x.rows(first, count),
                            affine,
                            statistics,
                            factor,
                            packed,
                            sum,
                            gradient.rows(first, count),
                            ofX.rows(first / chunk * 2, 2)),
                    way.chunk);
        }
        arena.kernels()
                .finishNormGradient(
                        ofX,
                        way.chunks(rows),
                        statistics,
                        sums.rows(0, 2),
                        sums.row(2),
                        sums.row(3));
    }
}
