package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.StemMemory;

/** The network's first convolution, over chunks of input images. */
final class StemConvolution {
    private final Compute compute;
    private final StemMemory memory;
    private final StemMemory.Scratch scratch;
    private final Convolution convolution;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Matrix input;
    private final Matrix inputGradient;

    StemConvolution(Compute compute, StemMemory memory) {
        this.compute = compute;
        this.memory = memory;
        this.scratch = memory.scratch();
        this.convolution = compute.arena().convolution(memory.convolution());
        this.weight = compute.weight("features.conv0.weight");
        this.weightGradient = compute.weightGradient("features.conv0.weight");
        this.weightSums = LaneSums.rows(compute.kernels(), scratch.weightSums());
        this.input = compute.memory().input();
        this.inputGradient = compute.memory().inputGradient();
    }

    private Matrix inputChunk(Matrix matrix, Pass pass, int chunk) {
        Chunks chunks = memory.images();
        int pixels = memory.shape().inputHeight() * memory.shape().inputWidth();
        return matrix.rows(
                chunk * chunks.imagesPerChunk() * pixels,
                chunks.images(chunk, pass.images()) * pixels);
    }

    void packForward() {
        compute.packForward(convolution, weight, scratch.packedWeights());
    }

    /** The convolution of a chunk of images, in the lane's scratch. */
    Matrix forward(Pass pass, int lane, int chunk) {
        Chunks chunks = memory.images();
        Matrix y = scratch.output()[lane].rows(0, chunks.rows(chunk, pass.images()));
        forward(pass, lane, chunk, y);
        return y;
    }

    void forward(Pass pass, int lane, int chunk, Matrix y) {
        convolution.forward(
                lane,
                memory.images().images(chunk, pass.images()),
                inputChunk(input, pass, chunk),
                scratch.packedWeights(),
                y);
    }

    void prepareBackward() {
        weightSums.begin();
        if (inputGradient != null) {
            compute.packBackward(convolution, weight, scratch.packedForBackward());
        }
    }

    /** Adds the weight gradient of a chunk, and computes the images' gradient if it is wanted. */
    void backward(Pass pass, int lane, int chunk, Matrix dY) {
        int images = memory.images().images(chunk, pass.images());
        convolution.backwardWeights(
                lane,
                images,
                inputChunk(input, pass, chunk),
                dY,
                scratch.weightPart()[lane],
                weightSums.of(lane));
        if (inputGradient != null) {
            convolution.backwardData(
                    lane,
                    images,
                    dY,
                    scratch.packedForBackward(),
                    inputChunk(inputGradient, pass, chunk));
        }
    }

    void finishBackward() {
        compute.reduce(weightSums, scratch.weightSums(), convolution, weightGradient);
    }
}
