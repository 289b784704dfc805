package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.plan.BottleneckLayerMemory;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.Copies;
import org.densenet4j.plan.NaiveBottleneckLayerMemory;

import java.util.List;

/**
 * A dense layer with a bottleneck as an autograd framework runs it, for comparison: it copies its
 * own concatenation, takes statistics of all of it, and keeps every intermediate result for the
 * backward pass, which finishes each batch normalisation's gradient over the whole prefix at once.
 *
 * <p>The same kernels, threads and chunk sizes as the other strategies: nothing here is slowed
 * down.
 */
final class NaiveBottleneckStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final BottleneckLayerMemory memory;
    private final Copies copies;
    private final Matrix normalised2;
    private final Chunks rows;
    private final NaivePrefix prefix;
    private final BatchNormalisation norm2;
    private final NewColumns target;
    private final Matrix weight1;
    private final Matrix weight1Gradient;
    private final LaneSums weight1Sums;
    private final GroupedWeights weight2;
    private final LaneSums weight2Sums;
    private final Convolution convolution;
    private final Matrix[] output;
    private final int innerPixels;

    NaiveBottleneckStage(Compute compute, NaiveBottleneckLayerMemory memory) {
        BottleneckLayer node = memory.layer().node();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory.layer();
        this.copies = memory.copies();
        this.normalised2 = memory.bottleneckNormalised();
        this.rows = this.memory.rows();
        this.prefix =
                NaivePrefix.of(
                        compute, node, copies, rows, this.memory.partials(), this.memory.norm1());
        this.norm2 =
                new BatchNormalisation(
                        compute,
                        node.norm2(),
                        this.memory.norm2(),
                        List.of(this.memory.bottleneckStatistics()));
        this.target = new NewColumns(compute, node, this.memory.correction());
        this.weight1 = compute.operand(node.conv1() + ".weight");
        this.weight1Gradient = compute.weightGradient(node.conv1() + ".weight");
        this.weight1Sums = new LaneSums(kernels, this.memory.weight1Sums());
        this.weight2 = GroupedWeights.of(compute, memory.layer());
        this.weight2Sums = LaneSums.rows(kernels, this.memory.convolution().scratch().weightSums());
        this.convolution = compute.arena().convolution(this.memory.convolution().shape());
        this.output = memory.output();
        this.innerPixels = node.innerPixels();
    }

    @Override
    public String name() {
        return memory.node().name();
    }

    @Override
    public Matrix output(Pass pass) {
        return target.of(pass);
    }

    private int rows(Pass pass) {
        return rows.rowsPerImage() * pass.images();
    }

    private Matrix partials(Chunks chunks, Pass pass, int channels) {
        return memory.partials().reshaped(2 * chunks.count(pass.images()), channels);
    }

    /** The chunk of Z that a chunk of the output is made of. */
    private Chunk inner(Chunk chunk) {
        return chunk.ofPixels(innerPixels);
    }

    // ---------------------------------------------------------------- forward

    @Override
    public void forward(Pass pass) {
        prefix.concatenate(pass);
        reduce(pass);
        norm2.prepareForward(pass, rows(pass));
        NaiveNormalisation.apply(compute, pass, rows, memory.bottleneck(), norm2, normalised2);
        convolve(pass);
    }

    private void reduce(Pass pass) {
        Matrix partials = partials(rows, pass, memory.bottleneck().columns());
        compute.forEachChunk(
                rows,
                pass,
                (lane, chunk) -> {
                    Matrix a = prefix.normalise(chunk);
                    Matrix z = chunk.of(memory.bottleneck());
                    compute.multiplyByTransposed(lane, a, weight1, z);
                    kernels.channelStatistics(z, chunk.partial(partials));
                });
        if (compute.usesBatchStatistics(pass)) {
            kernels.finishStatistics(
                    partials,
                    rows.rowsPerChunk(),
                    rows(pass),
                    (float) memory.node().norm2().epsilon(),
                    memory.bottleneckStatistics());
        }
    }

    private void convolve(Pass pass) {
        Dropout dropout = target.dropout(pass);
        Matrix partials = partials(memory.convolution().chunks(), pass, target.values().columns());
        compute.packForward(
                convolution, weight2.whole(), memory.convolution().scratch().packedWeights());
        compute.forEachChunk(
                memory.convolution().chunks(),
                pass,
                (lane, chunk) -> {
                    Matrix y = chunk.in(output[lane]);
                    convolution.forward(
                            lane,
                            chunk.images(),
                            inner(chunk).of(normalised2),
                            memory.convolution().scratch().packedWeights(),
                            y);
                    target.append(y, chunk, dropout, partials);
                });
        target.finish(pass, partials, memory.convolution().chunks());
    }

    // ---------------------------------------------------------------- backward

    @Override
    public void backward(Pass pass) {
        Matrix dZ = memory.bottleneckGradient();
        backwardConvolution(pass, dZ);
        backwardNormalisation(pass, dZ);
        backwardReduction(pass, dZ);
        prefix.backward(pass);
    }

    private void backwardConvolution(Pass pass, Matrix dT) {
        Dropout dropout = target.dropout(pass);
        target.prepareGradient(pass);
        compute.packBackward(
                convolution, weight2.whole(), memory.convolution().scratch().packedWeights());
        weight2Sums.begin();
        compute.forEachChunk(
                memory.convolution().chunks(),
                pass,
                (lane, chunk) -> {
                    Matrix dY = chunk.in(output[lane]);
                    target.gradient(chunk, dropout, dY);
                    convolution.backwardWeights(
                            lane,
                            chunk.images(),
                            inner(chunk).of(normalised2),
                            dY,
                            memory.convolution().scratch().weightPart()[lane],
                            weight2Sums.of(lane));
                    convolution.backwardData(
                            lane,
                            chunk.images(),
                            dY,
                            memory.convolution().scratch().packedWeights(),
                            inner(chunk).of(dT));
                });
        compute.reduce(
                weight2Sums,
                memory.convolution().scratch().weightSums(),
                convolution,
                weight2.gradientOfWhole());
        weight2.finishGradient();
    }

    /** From dT to dZ, in place. */
    private void backwardNormalisation(Pass pass, Matrix dZ) {
        Matrix z = memory.bottleneck();
        Matrix partials = partials(rows, pass, z.columns());
        NaiveNormalisation.mask(compute, pass, rows, norm2, z, dZ, partials);
        Matrix correction =
                norm2.finishAtOnce(pass, partials, rows.count(pass.images()), rows(pass));
        Matrix statistics = norm2.statistics(pass, 0);
        compute.forEachChunk(
                rows,
                pass,
                (lane, chunk) ->
                        kernels.applyCorrection(
                                chunk.of(dZ),
                                chunk.of(z),
                                correction,
                                statistics,
                                false,
                                chunk.of(dZ)));
    }

    private void backwardReduction(Pass pass, Matrix dZ) {
        weight1Sums.begin();
        compute.forEachChunk(
                rows,
                pass,
                (lane, chunk) -> {
                    compute.multiplyTransposedInto(
                            lane,
                            chunk.of(dZ),
                            chunk.of(copies.normalised()),
                            weight1Sums.of(lane));
                    compute.multiply(lane, chunk.of(dZ), weight1, chunk.of(copies.gradient()));
                });
        compute.reduce(weight1Sums, weight1Gradient);
    }
}
