package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.ConvolutionLayerMemory;
import org.densenet4j.plan.Copies;
import org.densenet4j.plan.NaiveConvolutionLayerMemory;

import java.util.Optional;

/**
 * A convolution behind BN-ReLU as an autograd framework runs it, for comparison: it keeps its own
 * concatenation and the BN-ReLU output. The same kernels, threads and chunk sizes as the other
 * strategies: nothing here is slowed down.
 */
final class NaiveConvolutionStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final ConvolutionLayerMemory memory;
    private final Copies copies;
    private final Chunks chunks;
    private final int sourcePixels;
    private final NaivePrefix prefix;
    private final NewColumns target;
    private final Convolution convolution;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Optional<Bias> bias;

    NaiveConvolutionStage(Compute compute, NaiveConvolutionLayerMemory memory) {
        ConvolutionLayer node = memory.layer().node();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory.layer();
        this.copies = memory.copies();
        this.chunks = this.memory.images();
        this.sourcePixels = node.source().height() * node.source().width();
        this.prefix =
                NaivePrefix.of(
                        compute,
                        node,
                        copies,
                        chunks.ofPixels(sourcePixels),
                        this.memory.partials(),
                        this.memory.norm());
        this.target = new NewColumns(compute, node, this.memory.correction());
        this.convolution = compute.arena().convolution(this.memory.convolution());
        this.weight = compute.weight(node.convolution() + ".weight");
        this.weightGradient = compute.weightGradient(node.convolution() + ".weight");
        this.weightSums = LaneSums.rows(kernels, this.memory.scratch().weightSums());
        this.bias =
                node.bias()
                        ? Optional.of(new Bias(compute, node.convolution(), this.memory.biasSums()))
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
        prefix.concatenate(pass);
        Dropout dropout = target.dropout(pass);
        int count = chunks.count(pass.images());
        Matrix partials = memory.partials().reshaped(2 * count, target.values().columns());
        compute.packForward(convolution, weight, memory.scratch().packedWeights());
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Chunk read = chunk.ofPixels(sourcePixels);
                    Matrix a = prefix.normalise(read);
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
        target.prepareGradient(pass);
        compute.packBackward(convolution, weight, memory.scratch().packedWeights());
        weightSums.begin();
        bias.ifPresent(Bias::begin);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Chunk read = chunk.ofPixels(sourcePixels);
                    Matrix dY = chunk.in(memory.output()[lane]);
                    target.gradient(chunk, dropout, dY);
                    bias.ifPresent(b -> b.addGradient(lane, dY));
                    convolution.backwardWeights(
                            lane,
                            chunk.images(),
                            read.of(copies.normalised()),
                            dY,
                            memory.scratch().weightPart()[lane],
                            weightSums.of(lane));
                    convolution.backwardData(
                            lane,
                            chunk.images(),
                            dY,
                            memory.scratch().packedWeights(),
                            read.of(copies.gradient()));
                });
        compute.reduce(weightSums, memory.scratch().weightSums(), convolution, weightGradient);
        bias.ifPresent(Bias::finish);
        prefix.backward(pass);
    }
}
