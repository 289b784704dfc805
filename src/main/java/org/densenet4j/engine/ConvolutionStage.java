package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.ConvolutionLayerMemory;

import java.util.Optional;

/**
 * A convolution of images, of features, or, behind BN-ReLU, of a column prefix: a dense layer
 * without a bottleneck. Nothing but its output is ever stored, so SHARED and RECOMPUTE are the
 * same.
 */
final class ConvolutionStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final ConvolutionLayerMemory memory;
    private final Chunks chunks;
    private final Source source;
    private final int sourcePixels;
    private final NewColumns target;
    private final Convolution convolution;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Optional<Bias> bias;

    ConvolutionStage(Compute compute, ConvolutionLayerMemory memory) {
        ConvolutionLayer node = memory.node();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.chunks = memory.images();
        this.source = Source.of(compute, node, 0, memory.norm(), memory.l2Norm());
        this.sourcePixels = node.source().height() * node.source().width();
        this.target = new NewColumns(compute, node, memory.correction());
        this.convolution = compute.arena().convolution(memory.convolution());
        this.weight = compute.weight(node.convolution() + ".weight");
        this.weightGradient = compute.weightGradient(node.convolution() + ".weight");
        this.weightSums = LaneSums.rows(kernels, memory.scratch().weightSums());
        this.bias =
                node.bias()
                        ? Optional.of(new Bias(compute, node.convolution(), memory.biasSums()))
                        : Optional.empty();
    }

    @Override
    public String name() {
        return memory.node().name();
    }

    @Override
    public Matrix output(Pass pass) {
        return target.of(pass);
    }

    @Override
    public void forward(Pass pass) {
        Dropout dropout = target.dropout(pass);
        Matrix partials = partials(pass, target.values().columns());
        source.prepareForward(pass);
        compute.packForward(convolution, weight, memory.scratch().packedWeights());
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix a = source.read(chunk.ofPixels(sourcePixels), memory.source()[lane]);
                    Matrix y = chunk.in(memory.output()[lane]);
                    convolution.forward(
                            lane, chunk.images(), a, memory.scratch().packedWeights(), y);
                    bias.ifPresent(b -> b.addTo(y));
                    target.append(y, chunk, dropout, partials);
                });
        target.finish(pass, partials, chunks);
    }

    @Override
    public void backward(Pass pass) {
        Dropout dropout = target.dropout(pass);
        Matrix partials = partials(pass, source.channels());
        source.prepareBackward(pass);
        target.prepareGradient(pass);
        if (source.wantsGradient()) {
            compute.packBackward(convolution, weight, memory.scratch().packedWeights());
        }
        weightSums.begin();
        bias.ifPresent(Bias::begin);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix dY = chunk.in(memory.output()[lane]);
                    target.gradient(chunk, dropout, dY);
                    bias.ifPresent(b -> b.addGradient(lane, dY));
                    backward(pass, lane, chunk, dY, partials);
                });
        compute.reduce(weightSums, memory.scratch().weightSums(), convolution, weightGradient);
        bias.ifPresent(Bias::finish);
        source.finish(pass, partials, chunks.ofPixels(sourcePixels));
    }

    private void backward(Pass pass, int lane, Chunk chunk, Matrix dY, Matrix partials) {
        Chunk read = chunk.ofPixels(sourcePixels);
        Matrix a = source.read(read, memory.source()[lane]);
        convolution.backwardWeights(
                lane,
                chunk.images(),
                a,
                dY,
                memory.scratch().weightPart()[lane],
                weightSums.of(lane));
        if (source.wantsGradient()) {
            Matrix dA = source.gradient(read, memory.sourceGradient()[lane]);
            convolution.backwardData(
                    lane, chunk.images(), dY, memory.scratch().packedWeights(), dA);
            source.accumulate(pass, read, dA, chunk.partial(partials));
        }
    }

    private Matrix partials(Pass pass, int channels) {
        return memory.partials().reshaped(2 * chunks.count(pass.images()), channels);
    }
}
