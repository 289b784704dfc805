package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.TransitionUp;
import org.densenet4j.plan.BandedTransitionUpMemory;
import org.densenet4j.plan.Bands;
import org.densenet4j.plan.Chunk;

/**
 * A transition up of FC-DenseNet, a band of rows at a time; see {@link TransitionUpStage}. Row i of
 * what is read reaches the output's rows 2i, 2i + 1 and 2i + 2, so that a band of the output also
 * needs the row above the band that is read, and its gradient the row below the output's band.
 */
final class BandedTransitionUpStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final BandedTransitionUpMemory memory;
    private final Bands bands;
    private final RawSource source;
    private final int width;
    private final int upsampledWidth;
    private final int left;
    private final NewColumns target;
    private final Convolution forward;
    private final Convolution backward;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Bias bias;

    BandedTransitionUpStage(Compute compute, BandedTransitionUpMemory memory) {
        TransitionUp node = memory.node();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.bands = memory.bands();
        this.source = new RawSource(compute, node, 0, node.source());
        this.width = node.target().of().width();
        this.upsampledWidth = node.upsampledWidth();
        this.left = (upsampledWidth - width) / 2;
        this.target = new NewColumns(compute, node, memory.correction());
        this.forward = compute.arena().convolution(memory.forward());
        this.backward = compute.arena().convolution(memory.backward());
        this.weight = compute.weight(node.convolution() + ".weight");
        this.weightGradient = compute.weightGradient(node.convolution() + ".weight");
        this.weightSums = LaneSums.rows(kernels, memory.backwardScratch().weightSums());
        this.bias = new Bias(compute, node.convolution(), memory.biasSums());
    }

    @Override
    public String name() {
        return memory.node().name();
    }

    @Override
    public Matrix output(Pass pass) {
        return target.of(pass);
    }

    /** The output's rows of a band. */
    private Chunk output(Pass pass, Chunk band) {
        return memory.output().chunk(band.index(), pass.images());
    }

    @Override
    public void forward(Pass pass) {
        Matrix partials = partials(pass);
        Matrix packed = memory.forwardScratch().packedWeights();
        compute.packBackward(forward, weight, packed);
        compute.forEachChunk(
                bands.chunks(),
                pass,
                (lane, band) -> {
                    Matrix large = memory.upsampled()[lane];
                    forward.backwardData(lane, 1, readWithRowAbove(lane, band), packed, large);
                    Chunk out = output(pass, band);
                    Matrix y = out.in(memory.cropped()[lane]);
                    kernels.copyWindow(
                            large,
                            2 * bands.rows() + 3,
                            upsampledWidth,
                            y,
                            2 * bands.rows(),
                            width,
                            1,
                            2,
                            left);
                    bias.addTo(y);
                    target.append(y, out, Dropout.NONE, partials);
                });
        target.finish(pass, partials, memory.output());
    }

    private Matrix readWithRowAbove(int lane, Chunk band) {
        Matrix x = memory.source()[lane];
        int above = bands.above(band, 1);
        if (above == 0) {
            kernels.fill(x.rows(0, bands.width()), 0);
        }
        Chunk extended = bands.extended(band, above, 0);
        source.copyTo(extended, x.rows((1 - above) * bands.width(), extended.rows()));
        return x;
    }

    @Override
    public void backward(Pass pass) {
        Matrix partials = partials(pass);
        Matrix packed = memory.backwardScratch().packedWeights();
        target.prepareGradient(pass);
        compute.packForward(backward, weight, packed);
        weightSums.begin();
        bias.begin();
        compute.forEachChunk(
                bands.chunks(),
                pass,
                (lane, band) -> {
                    Matrix dLarge = gradientWithRowBelow(pass, lane, band);
                    Matrix x = source.read(band, memory.source()[lane]);
                    backward.backwardWeights(
                            lane,
                            1,
                            dLarge,
                            x,
                            memory.backwardScratch().weightPart()[lane],
                            weightSums.of(lane));
                    Matrix dX = source.gradient(band, memory.sourceGradient()[lane]);
                    backward.forward(lane, 1, dLarge, packed, dX);
                    source.accumulate(pass, band, dX, partials);
                });
        compute.reduce(weightSums, memory.backwardScratch().weightSums(), backward, weightGradient);
        bias.finish();
    }

    /** The gradient of the upsampled pixels that a band reaches. */
    private Matrix gradientWithRowBelow(Pass pass, int lane, Chunk band) {
        int below = bands.below(band, 1);
        Chunk own = output(pass, band);
        Chunk extended = own.extended(0, below * width);
        Matrix dY = extended.in(memory.cropped()[lane]);
        target.gradient(extended, Dropout.NONE, dY);
        bias.addGradient(lane, dY.rows(0, own.rows()));
        int rows = 2 * bands.rows() + 1;
        Matrix dLarge = memory.upsampled()[lane].rows(0, rows * upsampledWidth);
        kernels.copyWindow(
                dY, 2 * bands.rows() + below, width, dLarge, rows, upsampledWidth, 1, 0, -left);
        return dLarge;
    }

    private Matrix partials(Pass pass) {
        return memory.partials()
                .reshaped(2 * bands.chunks().count(pass.images()), memory.node().target().count());
    }
}
