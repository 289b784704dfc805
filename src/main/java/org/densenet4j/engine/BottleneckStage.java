package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseGradient;
import org.densenet4j.graph.BottleneckLayer;
import org.densenet4j.plan.BottleneckLayerMemory;
import org.densenet4j.plan.MemoryStrategy;

import java.util.List;
import java.util.Optional;

/**
 * A dense layer with a bottleneck: BN-ReLU-Conv1x1-BN-ReLU-Conv3x3 over the column prefix of its
 * block's feature matrix (Huang et al. 2017, section 3).
 *
 * <pre>
 * A = relu(bn1(X[:, :K]))     a chunk at a time, never stored
 * Z = A·W1ᵀ                   stored (SHARED) or made again (RECOMPUTE)
 * T = relu(bn2(Z))            a chunk at a time, never stored
 * Y = conv3x3(T)              appended to X
 * </pre>
 *
 * The buffers that the technical report shares between layers (Pleiss et al. 2017, section 3) are
 * here no larger than a chunk of rows that stays in the cache.
 */
final class BottleneckStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final BottleneckLayerMemory memory;
    private final boolean recompute;
    private final NormalisedSource prefix;
    private final BatchNormalisation norm2;
    private final NewColumns target;

    /** Of Z. */
    private final int pixels;

    /** W1 in the storage type of activations, which it is multiplied with row by row. */
    private final Matrix weight1;

    private final Matrix weight1Gradient;

    private final PointwiseConvolution pointwise;
    private final BottleneckConvolution convolution;
    private final Optional<LaneSums> weight1Sums;

    /** W1 as the pass at hand reads it: set by one lane before the chunks of a pass. */
    private Matrix packedWeight1;

    BottleneckStage(Compute compute, BottleneckLayerMemory memory) {
        BottleneckLayer node = memory.node();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.recompute = compute.memory().strategy() == MemoryStrategy.RECOMPUTE;
        this.prefix = new NormalisedSource(compute, node, 0, memory.norm1());
        this.norm2 =
                new BatchNormalisation(
                        compute,
                        node.norm2(),
                        memory.norm2(),
                        List.of(memory.bottleneckStatistics()));
        this.target = new NewColumns(compute, node, memory.correction());
        this.pixels = node.innerPixels();
        this.weight1 = compute.operand(node.conv1() + ".weight");
        this.weight1Gradient = compute.weightGradient(node.conv1() + ".weight");
        this.pointwise = compute.arena().pointwise(memory.pointwise());
        this.convolution =
                BottleneckConvolution.of(
                        compute,
                        memory.convolution(),
                        GroupedWeights.of(compute, memory),
                        norm2,
                        target);
        this.weight1Sums = LaneSums.orNone(kernels, memory.weight1Sums());
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
        int rows = pass.images() * pixels;
        Matrix z = memory.bottleneck();
        prefix.prepareForward(pass);
        convolution.packForward(this::packPointwise);
        computeBottleneck(pass, z, compute.usesBatchStatistics(pass));
        if (compute.usesBatchStatistics(pass)) {
            kernels.finishStatistics(
                    rowPartials(pass, z.columns()),
                    memory.rows().rowsPerChunk(),
                    rows,
                    (float) memory.node().norm2().epsilon(),
                    memory.bottleneckStatistics());
        }
        norm2.prepareForward(pass, rows);
        convolve(pass, z);
    }

    private void packPointwise(int lane) {
        packedWeight1 = pointwise.packForward(lane, weight1, memory.packedWeights1());
    }

    /** {@code Z = relu(bn1(X[:, :K]))·W1ᵀ}, chunk by chunk, with Z's statistics while it is hot. */
    private void computeBottleneck(Pass pass, Matrix z, boolean withStatistics) {
        Matrix partials = rowPartials(pass, z.columns());
        compute.forEachChunk(
                memory.rows(),
                pass,
                (lane, chunk) -> {
                    Matrix x = chunk.of(prefix.values());
                    Matrix a = memory.pointwiseChunk()[lane];
                    if (withStatistics) {
                        pointwise.forward(
                                kernels,
                                lane,
                                x,
                                prefix.affine(),
                                packedWeight1,
                                a,
                                chunk.of(z),
                                chunk.partial(partials));
                    } else {
                        pointwise.forward(lane, x, prefix.affine(), packedWeight1, a, chunk.of(z));
                    }
                });
    }

    /** {@code Y = conv3x3(relu(bn2(Z)))}, appended to X chunk by chunk. */
    private void convolve(Pass pass, Matrix z) {
        Matrix partials = convolutionPartials(pass, target.values().columns());
        convolution.forward(pass, z, partials);
        target.finish(pass, partials, memory.convolution().chunks());
    }

    // ---------------------------------------------------------------- backward

    @Override
    public void backward(Pass pass) {
        Matrix z = memory.bottleneckInBackward();
        if (recompute) {
            prefix.prepareAgain(pass);
            compute.together(this::packPointwise);
            computeBottleneck(pass, z, false);
        }
        norm2.prepareAgain(pass);
        target.prepareGradient(pass);
        convolution.packBackward(this::packPointwiseBackward);
        Matrix partials = convolutionPartials(pass, z.columns());
        convolution.backward(pass, z, memory.bottleneckGradient(), partials);
        Matrix correction =
                norm2.finishAtOnce(
                        pass,
                        partials,
                        memory.convolution().chunks().count(pass.images()),
                        pass.images() * pixels);
        backwardPointwise(pass, z, correction);
        convolution.finishWeightGradient(this::addWeight1Gradient);
    }

    private void packPointwiseBackward(int lane) {
        packedWeight1 = pointwise.packBackward(lane, weight1, memory.packedWeights1());
    }

    private void addWeight1Gradient(int lane) {
        weight1Sums.ifPresent(s -> s.addTo(weight1Gradient, 0, weight1Gradient.rows()));
    }

    /** From dT to dW1 and this layer's share of the block's gradient; bn1 is deferred. */
    private void backwardPointwise(Pass pass, Matrix z, Matrix correction) {
        prefix.prepareBackward(pass);
        Matrix partials = rowPartials(pass, prefix.channels());
        Matrix statistics1 = prefix.statistics(pass);
        Matrix statistics2 = norm2.statistics(pass, 0);
        weight1Sums.ifPresent(LaneSums::begin);
        compute.forEachChunk(
                memory.rows(),
                pass,
                (lane, chunk) -> {
                    prefix.clearNewGradients(chunk);
                    pointwise.backward(
                            lane,
                            new PointwiseGradient(
                                    chunk.of(memory.bottleneckGradient()),
                                    chunk.of(z),
                                    correction,
                                    statistics2,
                                    chunk.of(prefix.values()),
                                    prefix.affine(),
                                    statistics1,
                                    prefix.weight(),
                                    packedWeight1,
                                    weight1Sums.map(s -> s.of(lane)).orElse(weight1Gradient),
                                    chunk.of(prefix.gradient()),
                                    chunk.partial(partials)),
                            memory.pointwiseChunk()[lane]);
                });
        prefix.finish(pass, partials, memory.rows());
    }

    private Matrix rowPartials(Pass pass, int channels) {
        return memory.partials().reshaped(2 * memory.rows().count(pass.images()), channels);
    }

    private Matrix convolutionPartials(Pass pass, int channels) {
        int chunks = memory.convolution().chunks().count(pass.images());
        return memory.partials().reshaped(2 * chunks, channels);
    }
}
