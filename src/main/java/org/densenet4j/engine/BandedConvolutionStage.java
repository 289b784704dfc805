package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.plan.BandedConvolutionLayerMemory;
import org.densenet4j.plan.Bands;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.ConvolvedBands;

import java.util.Optional;

/**
 * A convolution of images that do not fit the cache, a band of rows at a time.
 *
 * <p>A band is convolved together with its halo, the rows above and below that the kernel reaches,
 * which are zeros at the image's edge. The result of the halo itself is wrong, and dropped. In the
 * backward pass the same holds for the data gradient; the weight gradient is taken of the band
 * alone, by zeroing the output gradient in the halo.
 */
final class BandedConvolutionStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final BandedConvolutionLayerMemory memory;
    private final ConvolvedBands convolved;
    private final Bands bands;
    private final Chunks chunks;

    /** The same bands of what is read. */
    private final Chunks beside;

    private final Source source;
    private final NewColumns target;
    private final Convolution convolution;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Optional<Bias> bias;

    BandedConvolutionStage(Compute compute, BandedConvolutionLayerMemory memory) {
        ConvolutionLayer node = memory.node();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.convolved = memory.convolved();
        this.bands = convolved.bands();
        this.chunks = bands.chunks();
        this.beside = convolved.beside();
        this.source = Source.of(compute, node, 0, memory.norm(), memory.l2Norm());
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

    /** What is convolved for a band, zeros where that is outside its image. */
    private Matrix read(int lane, Chunk band) {
        return source.read(convolved, kernels, band, memory.source()[lane]);
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
                (lane, band) -> {
                    Matrix withHalo = memory.output()[lane];
                    convolution.forward(
                            lane, 1, read(lane, band), memory.scratch().packedWeights(), withHalo);
                    Matrix y = convolved.own(band, withHalo);
                    bias.ifPresent(b -> b.addTo(y));
                    target.append(y, band, dropout, partials);
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
                (lane, band) -> {
                    Matrix dY = gradient(lane, band, dropout);
                    if (source.wantsGradient()) {
                        backwardData(pass, lane, band, dY, partials);
                    }
                    backwardWeights(lane, band, dY);
                });
        compute.reduce(weightSums, memory.scratch().weightSums(), convolution, weightGradient);
        bias.ifPresent(Bias::finish);
        source.finish(pass, partials, beside);
    }

    /** The finished gradient of a band and of the rows around it that reach what is beside it. */
    private Matrix gradient(int lane, Chunk band, Dropout dropout) {
        Matrix dY = memory.output()[lane];
        int above = bands.above(band, memory.gradientAbove());
        int below = bands.below(band, memory.gradientBelow());
        Chunk extended = bands.extended(band, above, below);
        int first = (convolved.above() - above) * bands.width();
        target.gradient(
                extended, dropout, ConvolvedBands.only(kernels, dY, first, extended.rows()));
        return dY;
    }

    private void backwardData(Pass pass, int lane, Chunk band, Matrix dY, Matrix partials) {
        Matrix dA = memory.sourceGradient()[lane];
        convolution.backwardData(lane, 1, dY, memory.scratch().packedWeights(), dA);
        Chunk own = beside.chunk(band.index(), pass.images());
        source.accumulate(pass, own, convolved.ownRead(own, dA), band.partial(partials));
    }

    private void backwardWeights(int lane, Chunk band, Matrix dY) {
        convolved.clearAround(kernels, band, dY);
        bias.ifPresent(b -> b.addGradient(lane, convolved.own(band, dY)));
        convolution.backwardWeights(
                lane,
                1,
                read(lane, band),
                dY,
                memory.scratch().weightPart()[lane],
                weightSums.of(lane));
    }

    private Matrix partials(Pass pass, int channels) {
        return memory.partials().reshaped(2 * chunks.count(pass.images()), channels);
    }
}
