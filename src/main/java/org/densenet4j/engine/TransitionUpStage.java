package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.TransitionUpMemory;

/**
 * A transition up of FC-DenseNet: a transposed 3x3 convolution with stride 2, cropped to the size
 * of the skip connection. It is the backward pass of a 3x3/2 convolution from the upsampled pixels
 * to those read, so that forward and backward change places.
 */
final class TransitionUpStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final TransitionUpMemory memory;
    private final TransitionUp node;
    private final Chunks chunks;
    private final RawSource source;
    private final Features cropped;
    private final int top;
    private final int left;
    private final NewColumns target;
    private final Convolution convolution;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Bias bias;

    TransitionUpStage(Compute compute, TransitionUpMemory memory) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.node = memory.node();
        this.chunks = memory.images();
        this.source = new RawSource(compute, node, 0, node.source());
        this.cropped = node.target().of();
        this.top = (node.upsampledHeight() - cropped.height()) / 2;
        this.left = (node.upsampledWidth() - cropped.width()) / 2;
        this.target = new NewColumns(compute, node, memory.correction());
        this.convolution = compute.arena().convolution(memory.convolution());
        this.weight = compute.weight(node.convolution() + ".weight");
        this.weightGradient = compute.weightGradient(node.convolution() + ".weight");
        this.weightSums = LaneSums.rows(kernels, memory.scratch().weightSums());
        this.bias = new Bias(compute, node.convolution(), memory.biasSums());
    }

    @Override
    public String name() {
        return node.name();
    }

    @Override
    public Matrix output(Pass pass) {
        return target.of(pass);
    }

    private Chunk upsampled(Chunk chunk) {
        return chunk.ofPixels(node.upsampledHeight() * node.upsampledWidth());
    }

    @Override
    public void forward(Pass pass) {
        Matrix partials = partials(pass);
        compute.packBackward(convolution, weight, memory.scratch().packedWeights());
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix x = source.read(chunk, memory.source()[lane]);
                    Matrix large = upsampled(chunk).in(memory.upsampled()[lane]);
                    Chunk crop = chunk.ofPixels(cropped.pixels());
                    Matrix y = crop.in(memory.output()[lane]);
                    convolution.backwardData(
                            lane, chunk.images(), x, memory.scratch().packedWeights(), large);
                    kernels.copyWindow(
                            large,
                            node.upsampledHeight(),
                            node.upsampledWidth(),
                            y,
                            cropped.height(),
                            cropped.width(),
                            chunk.images(),
                            top,
                            left);
                    bias.addTo(y);
                    target.append(y, crop, Dropout.NONE, partials);
                });
        target.finish(pass, partials, chunks.ofPixels(cropped.pixels()));
    }

    @Override
    public void backward(Pass pass) {
        Matrix partials = partials(pass);
        target.prepareGradient(pass);
        compute.packForward(convolution, weight, memory.scratch().packedWeights());
        weightSums.begin();
        bias.begin();
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Chunk crop = chunk.ofPixels(cropped.pixels());
                    Matrix dY = crop.in(memory.output()[lane]);
                    target.gradient(crop, Dropout.NONE, dY);
                    bias.addGradient(lane, dY);
                    Matrix dLarge = upsampled(chunk).in(memory.upsampled()[lane]);
                    kernels.copyWindow(
                            dY,
                            cropped.height(),
                            cropped.width(),
                            dLarge,
                            node.upsampledHeight(),
                            node.upsampledWidth(),
                            chunk.images(),
                            -top,
                            -left);
                    convolution.backwardWeights(
                            lane,
                            chunk.images(),
                            dLarge,
                            source.read(chunk, memory.source()[lane]),
                            memory.scratch().weightPart()[lane],
                            weightSums.of(lane));
                    Matrix dX = source.gradient(chunk, memory.sourceGradient()[lane]);
                    convolution.forward(
                            lane, chunk.images(), dLarge, memory.scratch().packedWeights(), dX);
                    source.accumulate(pass, chunk, dX, partials);
                });
        compute.reduce(weightSums, memory.scratch().weightSums(), convolution, weightGradient);
        bias.finish();
    }

    private Matrix partials(Pass pass) {
        return memory.partials().reshaped(2 * chunks.count(pass.images()), node.target().count());
    }
}
