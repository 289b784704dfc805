package org.densenet4j.engine;

import org.densenet4j.backend.AppendedConvolution;
import org.densenet4j.backend.AppendedGradient;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedWeights;
import org.densenet4j.plan.BottleneckConvolutionMemory;

/**
 * The 3x3 half of a dense layer with a bottleneck on a device that reads Z and writes the block's
 * columns, and has T and Y nowhere else.
 */
final class AppendedBottleneckConvolution extends BottleneckConvolution {
    private final BottleneckConvolutionMemory.Appended memory;
    private final AppendedConvolution convolution;

    AppendedBottleneckConvolution(
            Compute compute,
            BottleneckConvolutionMemory.Appended memory,
            GroupedWeights weights,
            BatchNormalisation norm,
            NewColumns target) {
        super(compute, weights, norm, target);
        this.memory = memory;
        this.convolution = compute.arena().appended(memory.shape());
    }

    @Override
    PackedWeights prepared() {
        return convolution;
    }

    @Override
    void forward(Pass pass, Matrix z, Matrix partials) {
        Dropout dropout = target.dropout(pass);
        if (!compute.usesBatchStatistics(pass) && !dropout.active()) {
            forward(pass, z);
            return;
        }
        compute.forEachChunk(
                memory.chunks(),
                pass,
                (lane, chunk) ->
                        convolution.forward(
                                chunk.images(),
                                chunk.of(z),
                                norm.affine(),
                                memory.scratch().packedWeights(),
                                dropout,
                                chunk.of(target.values()),
                                chunk.partial(partials)));
    }

    /** Nobody reads statistics of the new columns. */
    private void forward(Pass pass, Matrix z) {
        compute.forEachChunk(
                memory.chunks(),
                pass,
                (_, chunk) ->
                        convolution.forward(
                                chunk.images(),
                                chunk.of(z),
                                norm.affine(),
                                memory.scratch().packedWeights(),
                                chunk.of(target.values())));
    }

    @Override
    Matrix packedWeights() {
        return memory.scratch().packedWeights();
    }

    @Override
    void backward(Pass pass, Matrix z, Matrix dT, Matrix partials) {
        Dropout dropout = target.dropout(pass);
        Matrix weightGradient = weights.gradientOfWhole();
        compute.forEachChunk(
                memory.chunks(),
                pass,
                (lane, chunk) ->
                        convolution.backward(
                                chunk.images(),
                                new AppendedGradient(
                                        chunk.of(target.gradientOfColumns()),
                                        chunk.of(target.values()),
                                        target.correction(),
                                        target.statistics(),
                                        dropout,
                                        chunk.of(z),
                                        norm.affine(),
                                        norm.statistics(pass, 0),
                                        memory.scratch().packedWeights(),
                                        chunk.of(dT),
                                        weightGradient,
                                        chunk.partial(partials))));
    }

    /** The gradient is there already. */
    @Override
    void finishWeightGradient(Compute.LaneTask beside) {
        compute.together(beside);
        weights.finishGradient();
    }
}
