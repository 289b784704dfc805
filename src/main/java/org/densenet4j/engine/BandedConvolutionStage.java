package org.densenet4j.engine;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.plan.BandedConvolutionLayerMemory;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;

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
    private final Chunks chunks;
    private final Halo halo;
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
        this.chunks = memory.bands().chunks();
        this.halo = new Halo(kernels, memory.bands(), memory.halo());
        this.source = Source.of(compute, node, 0, memory.norm());
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

    /** A band of what is convolved, with its halo. */
    private Matrix read(int lane, Chunk band) {
        Matrix a = memory.source()[lane];
        Chunk extended = halo.extended(band);
        source.copyTo(extended, halo.inside(band, extended, a));
        return a;
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
                    Matrix y = halo.own(band, withHalo);
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
                    Matrix dY = memory.output()[lane];
                    Chunk extended = halo.extended(band);
                    target.gradient(extended, dropout, halo.inside(band, extended, dY));
                    if (source.wantsGradient()) {
                        backwardData(pass, lane, band, dY, partials);
                    }
                    backwardWeights(lane, band, dY);
                });
        compute.reduce(weightSums, memory.scratch().weightSums(), convolution, weightGradient);
        bias.ifPresent(Bias::finish);
        source.finish(pass, partials, chunks);
    }

    private void backwardData(Pass pass, int lane, Chunk band, Matrix dY, Matrix partials) {
        Matrix dA = memory.sourceGradient()[lane];
        convolution.backwardData(lane, 1, dY, memory.scratch().packedWeights(), dA);
        source.accumulate(pass, band, halo.own(band, dA), band.partial(partials));
    }

    private void backwardWeights(int lane, Chunk band, Matrix dY) {
        halo.clear(dY);
        bias.ifPresent(b -> b.addGradient(lane, halo.own(band, dY)));
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
