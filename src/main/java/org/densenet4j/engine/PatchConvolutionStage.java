package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PatchConvolution;
import org.densenet4j.graph.Read;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.PatchConvolutionMemory;

/**
 * A convolution of patches with a layer normalisation before or behind it. What was normalised is
 * made again in the backward pass, where NAIVE has not kept it. The backward pass behind a stem
 * runs the convolution forward and backward, which take its weights in two layouts.
 */
final class PatchConvolutionStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final PatchConvolutionMemory memory;
    private final Chunks chunks;
    private final boolean before;
    private final float epsilon;
    private final RawSource source;
    private final int sourcePixels;
    private final NewColumns target;
    private final Convolution convolution;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Bias bias;
    private final Matrix gamma;
    private final Matrix beta;
    private final Matrix gammaGradient;
    private final Matrix betaGradient;
    private final LaneSums normSums;

    PatchConvolutionStage(Compute compute, PatchConvolutionMemory memory) {
        PatchConvolution node = memory.node();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.chunks = memory.images();
        this.before = node.normalisesInput();
        this.epsilon = (float) node.norm().epsilon();
        this.source = new RawSource(compute, node, 0, (Read.Raw) node.reads().getFirst());
        this.sourcePixels = node.source().height() * node.source().width();
        this.target = new NewColumns(compute, node, memory.correction());
        this.convolution = compute.arena().convolution(memory.convolution());
        this.weight = compute.weight(node.convolution() + ".weight");
        this.weightGradient = compute.weightGradient(node.convolution() + ".weight");
        this.weightSums = LaneSums.rows(kernels, memory.scratch().weightSums());
        this.bias = new Bias(compute, node.convolution(), memory.biasSums());
        this.gamma = compute.vector(node.norm().name() + ".weight");
        this.beta = compute.vector(node.norm().name() + ".bias");
        this.gammaGradient = compute.vectorGradient(node.norm().name() + ".weight");
        this.betaGradient = compute.vectorGradient(node.norm().name() + ".bias");
        this.normSums = new LaneSums(kernels, memory.normSums());
    }

    @Override
    public String name() {
        return memory.node().name();
    }

    @Override
    public Matrix output(Pass pass) {
        return target.of(pass);
    }

    // ---------------------------------------------------------------- forward

    @Override
    public void forward(Pass pass) {
        int k = target.values().columns();
        Matrix partials = memory.partials().reshaped(2 * chunks.count(pass.images()), k);
        compute.packForward(convolution, weight, memory.packedForward());
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix y = convolve(lane, chunk, convolved(lane, chunk));
                    if (!before) {
                        KeptCopy.in(kernels, memory.convolved()).keep(chunk, y);
                        normalise(y, statistics(lane, chunk), y);
                    }
                    target.append(y, chunk, Dropout.NONE, partials);
                });
        target.finish(pass, partials, chunks);
    }

    /** What is convolved, with the statistics of its normalisation; kept where NAIVE does. */
    private Matrix convolved(int lane, Chunk chunk) {
        Chunk read = chunk.ofPixels(sourcePixels);
        if (!before) {
            return source.read(read, memory.source()[lane]);
        }
        Matrix x = read.of(source.values());
        Matrix a = read.in(memory.source()[lane]);
        normalise(x, statistics(lane, read), a);
        KeptCopy.in(kernels, memory.concatenation()).keep(read, x);
        KeptCopy.in(kernels, memory.normalised()).keep(read, a);
        return a;
    }

    private Matrix statistics(int lane, Chunk rows) {
        return memory.rowStatistics()[lane].rows(0, rows.rows());
    }

    private void normalise(Matrix x, Matrix statistics, Matrix out) {
        kernels.layerNorm(x, gamma, beta, epsilon, statistics, out);
    }

    private Matrix convolve(int lane, Chunk chunk, Matrix a) {
        Matrix y = chunk.in(memory.output()[lane]);
        convolution.forward(lane, chunk.images(), a, memory.packedForward(), y);
        bias.addTo(y);
        return y;
    }

    // ---------------------------------------------------------------- backward

    @Override
    public void backward(Pass pass) {
        Matrix partials =
                memory.partials().reshaped(2 * chunks.count(pass.images()), source.channels());
        target.prepareGradient(pass);
        if (!before) {
            compute.packForward(convolution, weight, memory.packedForward());
        }
        if (before || source.wantsGradient()) { // the normalisation before it has parameters
            compute.packBackward(convolution, weight, memory.scratch().packedWeights());
        }
        weightSums.begin();
        normSums.begin();
        bias.begin();
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    if (before) {
                        backwardBefore(pass, lane, chunk, partials);
                    } else {
                        backwardBehind(pass, lane, chunk, partials);
                    }
                });
        compute.reduce(weightSums, memory.scratch().weightSums(), convolution, weightGradient);
        normSums.addTo(betaGradient, 0, gammaGradient, 1);
        bias.finish();
    }

    /** The normalisation is made again for its statistics, also where its output was kept. */
    private void backwardBefore(Pass pass, int lane, Chunk chunk, Matrix partials) {
        Chunk read = chunk.ofPixels(sourcePixels);
        Matrix x = read.of(memory.concatenation().orElseGet(source::values));
        Matrix a = read.in(memory.source()[lane]);
        normalise(x, statistics(lane, read), a);
        Matrix dY = chunk.in(memory.outputGradient()[lane]);
        target.gradient(chunk, Dropout.NONE, dY);
        weights(lane, chunk, memory.normalised().map(read::of).orElse(a), dY);
        Matrix dA = read.in(memory.sourceGradient()[lane]);
        convolution.backwardData(lane, chunk.images(), dY, memory.scratch().packedWeights(), dA);
        kernels.layerNormGradient(dA, x, gamma, statistics(lane, read), normSums.of(lane), dA);
        if (source.wantsGradient()) {
            source.accumulate(pass, read, dA, chunk.partial(partials));
        }
    }

    private void backwardBehind(Pass pass, int lane, Chunk chunk, Matrix partials) {
        Chunk read = chunk.ofPixels(sourcePixels);
        Matrix a = source.read(read, memory.source()[lane]);
        Matrix z = memory.convolved().map(chunk::of).orElseGet(() -> convolve(lane, chunk, a));
        Matrix dY = chunk.in(memory.outputGradient()[lane]);
        normalise(z, statistics(lane, chunk), dY); // for its statistics; dY comes over it
        target.gradient(chunk, Dropout.NONE, dY);
        kernels.layerNormGradient(dY, z, gamma, statistics(lane, chunk), normSums.of(lane), dY);
        weights(lane, chunk, a, dY);
        if (source.wantsGradient()) {
            Matrix dA = source.gradient(read, memory.sourceGradient()[lane]);
            convolution.backwardData(
                    lane, chunk.images(), dY, memory.scratch().packedWeights(), dA);
            source.accumulate(pass, read, dA, chunk.partial(partials));
        }
    }

    private void weights(int lane, Chunk chunk, Matrix a, Matrix dY) {
        bias.addGradient(lane, dY);
        convolution.backwardWeights(
                lane,
                chunk.images(),
                a,
                dY,
                memory.scratch().weightPart()[lane],
                weightSums.of(lane));
    }
}
