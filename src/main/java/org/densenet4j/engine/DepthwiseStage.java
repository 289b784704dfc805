package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedProduct;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.graph.Read;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.DepthwiseLayerMemory;
import org.densenet4j.plan.Intermediate;
import org.densenet4j.plan.MiddleProducts;
import org.densenet4j.plan.PackedProductMemory;

import java.util.List;
import java.util.Optional;

/**
 * A depthwise layer (Kim et al. 2024, arXiv 2403.19588) under every strategy: what was kept is read
 * again in the backward pass, and what was not is made again, chunk by chunk. There are no
 * statistics of the batch, so that no chunk waits for another.
 *
 * <p>Backward of a chunk, with dO the gradient of what was appended:
 *
 * <pre>
 * d = depthwise(x), h = W1·layerNorm(d) + b1, y = W2·gelu(h) + b2       what was not kept
 * s = Σ_pixels dO·y      per image: gives the gradients of scale and gate
 * dy = dO·scale·gate·factor + (gradient of the means)/pixels
 * dW2 += dyᵀ·gelu(h);  dh = (dy·W2)·gelu'(h);  dW1 += dhᵀ·layerNorm(d)
 * dd = layer norm's gradient of dh·W1;  G[prefix] += depthwise's gradient of dd
 * </pre>
 */
final class DepthwiseStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final DepthwiseLayerMemory memory;
    private final Chunks chunks;
    private final RawSource source;
    private final NewColumns target;
    private final Optional<DepthwiseGate> gate;
    private final Matrix depthwise;
    private final Matrix depthwiseGradient;
    private final Bias depthwiseBias;
    private final LaneSums tapSums;
    private final Matrix gamma;
    private final Matrix beta;
    private final Matrix gammaGradient;
    private final Matrix betaGradient;
    private final LaneSums normSums;
    private final Matrix expansion;
    private final Matrix expansionGradient;
    private final LaneSums expansionSums;
    private final Bias expansionBias;
    private final Matrix projection;
    private final Matrix projectionGradient;
    private final LaneSums projectionSums;
    private final Bias projectionBias;
    private final List<PackedProduct> expand;
    private final List<PackedProduct> project;
    private final List<PackedProduct> throughProjection;
    private final List<PackedProduct> throughExpansion;
    private final Matrix scale;
    private final Matrix scaleGradient;
    private final LaneSums scaleSums;

    DepthwiseStage(Compute compute, DepthwiseLayerMemory memory) {
        DepthwiseLayer node = memory.node();
        DepthwiseLayerMemory.Sums sums = memory.sums();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.chunks = memory.images();
        this.source = new RawSource(compute, node, 0, (Read.Raw) node.reads().getFirst());
        this.target = new NewColumns(compute, node, memory.correction());
        PoolShape pool = PoolShape.global(node.source().height(), node.source().width());
        this.gate =
                memory.gate()
                        .map(m -> new DepthwiseGate(compute, node.gate().orElseThrow(), pool, m));
        this.depthwise = compute.weight(node.depthwise() + ".weight");
        this.depthwiseGradient = compute.weightGradient(node.depthwise() + ".weight");
        this.depthwiseBias = new Bias(compute, node.depthwise(), sums.depthwiseBias());
        this.tapSums = new LaneSums(kernels, sums.taps());
        this.gamma = compute.vector(node.norm().name() + ".weight");
        this.beta = compute.vector(node.norm().name() + ".bias");
        this.gammaGradient = compute.vectorGradient(node.norm().name() + ".weight");
        this.betaGradient = compute.vectorGradient(node.norm().name() + ".bias");
        this.normSums = new LaneSums(kernels, sums.norm());
        this.expansion = compute.operand(node.expansion() + ".weight");
        this.expansionGradient = compute.weightGradient(node.expansion() + ".weight");
        this.expansionSums = new LaneSums(kernels, sums.expansion());
        this.expansionBias = new Bias(compute, node.expansion(), sums.expansionBias());
        this.projection = compute.operand(node.projection() + ".weight");
        this.projectionGradient = compute.weightGradient(node.projection() + ".weight");
        this.projectionSums = new LaneSums(kernels, sums.projection());
        this.projectionBias = new Bias(compute, node.projection(), sums.projectionBias());
        MiddleProducts products = memory.middleProducts();
        this.expand = PackedProductMemory.open(products.expand(), compute.arena());
        this.project = PackedProductMemory.open(products.project(), compute.arena());
        this.throughProjection =
                PackedProductMemory.open(products.throughProjection(), compute.arena());
        this.throughExpansion =
                PackedProductMemory.open(products.throughExpansion(), compute.arena());
        this.scale = compute.vector(node.scale());
        this.scaleGradient = compute.vectorGradient(node.scale());
        this.scaleSums = LaneSums.rows(kernels, sums.scale());
    }

    @Override
    public String name() {
        return memory.node().name();
    }

    @Override
    public Matrix output(Pass pass) {
        return target.of(pass);
    }

    /** A part of a chunk's rows. */
    private interface OfPart {
        void run(int first, int rows);
    }

    private void forEachPart(Chunk chunk, OfPart work) {
        for (int first = 0; first < chunk.rows(); first += memory.rowsPerPart()) {
            work.run(first, Math.min(memory.rowsPerPart(), chunk.rows() - first));
        }
    }

    /** Some channels of the middle. */
    private interface OfBlock {
        void run(int first, int count);
    }

    private void forEachBlock(OfBlock work) {
        int width = memory.node().width();
        for (int first = 0; first < width; first += memory.middlePerBlock()) {
            work.run(first, Math.min(memory.middlePerBlock(), width - first));
        }
    }

    /** Packs the weights of each block for a forward pass. */
    private void packForward() {
        compute.forEachChunk(
                expand.size(),
                (lane, block) -> {
                    expand.get(block).pack(lane, expansionOf(block));
                    project.get(block).pack(lane, projectionOf(block));
                });
    }

    /**
     * The same for a backward pass. Where it expands again, that reads the weights as they lie:
     * packed twice they would take as much memory as all the rest of the scratch.
     */
    private void packBackward() {
        compute.forEachChunk(
                expand.size(),
                (lane, block) -> {
                    if (!memory.output().isKept()) {
                        project.get(block).pack(lane, projectionOf(block));
                    }
                    throughProjection.get(block).pack(lane, projectionOf(block));
                    throughExpansion.get(block).pack(lane, expansionOf(block));
                });
    }

    private Matrix expansionOf(int block) {
        return expansion.rows(block * memory.middlePerBlock(), channelsOf(block));
    }

    private Matrix projectionOf(int block) {
        return projection.columns(block * memory.middlePerBlock(), channelsOf(block));
    }

    private int channelsOf(int block) {
        int first = block * memory.middlePerBlock();
        return Math.min(memory.middlePerBlock(), memory.node().width() - first);
    }

    private int block(int channel) {
        return channel / memory.middlePerBlock();
    }

    // ---------------------------------------------------------------- forward

    @Override
    public void forward(Pass pass) {
        packForward();
        Dropout drops = target.dropout(pass);
        int k = target.values().columns();
        Matrix partials = memory.partials().reshaped(2 * chunks.count(pass.images()), k);
        kernels.transpose(depthwise, false, memory.taps());
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    memory.concatenation()
                            .ifPresent(
                                    copy ->
                                            kernels.copy(
                                                    chunk.of(source.values()), chunk.of(copy)));
                    mix(lane, chunk);
                    forEachPart(
                            chunk,
                            (first, rows) -> {
                                Part part = new Part(lane, chunk, first, rows);
                                normalise(part);
                                forEachBlock(
                                        (channel, count) -> {
                                            Matrix h = part.middle(channel, count);
                                            Matrix a = part.activatedNow(channel, count);
                                            expand(part, channel, h);
                                            kernels.gelu(h, a);
                                            project(part, channel, a);
                                        });
                                projectionBias.addTo(part.output());
                            });
                    Matrix y = memory.output().of(lane, chunk);
                    Matrix scaled = chunk.in(memory.scaled()[lane]);
                    Matrix logits = gate.map(g -> g.logits(lane, chunk, y)).orElse(null);
                    Matrix factors = factors(lane, chunk, drops);
                    kernels.scaleImages(y, scale, logits, factors, null, scaled);
                    target.append(scaled, chunk, Dropout.NONE, partials);
                });
        target.finish(pass, partials, chunks);
    }

    /** What is convolved: the prefix where it lies, or the copy that NAIVE makes of it. */
    private Matrix prefix(Chunk chunk) {
        return chunk.of(memory.concatenation().orElseGet(source::values));
    }

    private void mix(int lane, Chunk chunk) {
        kernels.depthwise(
                prefix(chunk),
                chunk.images(),
                memory.shape(),
                memory.taps(),
                depthwiseBias.values(),
                memory.mixed().of(lane, chunk));
    }

    /** Some rows of a chunk, and blocks of the middle in them. */
    private final class Part {
        private final int lane;
        private final Chunk chunk;
        private final int first;
        private final int rows;

        Part(int lane, Chunk chunk, int first, int rows) {
            this.lane = lane;
            this.chunk = chunk;
            this.first = first;
            this.rows = rows;
        }

        Matrix of(Intermediate intermediate) {
            return intermediate.part(lane, chunk, first, rows);
        }

        Matrix mixed() {
            return memory.mixed().of(lane, chunk).rows(first, rows);
        }

        Matrix output() {
            return memory.output().of(lane, chunk).rows(first, rows);
        }

        Matrix middle(int channel, int count) {
            return of(memory.middle()).columns(channel, count);
        }

        Matrix activated(int channel, int count) {
            return of(memory.activated()).columns(channel, count);
        }

        /**
         * The same where nothing reads it later: if it is not kept, all blocks lie in one place.
         */
        Matrix activatedNow(int channel, int count) {
            return activated(memory.activated().isKept() ? channel : 0, count);
        }

        Matrix middleGradient(int count) {
            return memory.middleGradient()[lane].rows(0, rows).columns(0, count);
        }

        Matrix mixedGradient() {
            return chunk.in(memory.mixedGradient()[lane]).rows(first, rows);
        }
    }

    private void normalise(Part part) {
        kernels.layerNorm(
                part.mixed(),
                gamma,
                beta,
                (float) memory.node().norm().epsilon(),
                memory.rowStatistics()[part.lane].rows(part.first, part.rows),
                part.of(memory.normalised()));
    }

    /** From channel {@code channel} of the middle on, as many as h has columns. */
    private void expand(Part part, int channel, Matrix h) {
        expand.get(block(channel)).multiply(part.lane, part.of(memory.normalised()), h);
        expansionBias.addTo(h, channel);
    }

    private void expandAgain(Part part, int channel, Matrix h) {
        Matrix weight = expansionOf(block(channel));
        compute.multiplyByTransposed(part.lane, part.of(memory.normalised()), weight, h);
        expansionBias.addTo(h, channel);
    }

    /** Adds what a block of the middle gives; the bias comes behind the last. */
    private void project(Part part, int channel, Matrix a) {
        project.get(block(channel)).multiply(part.lane, a, part.output());
    }

    /**
     * What the images of a chunk are multiplied with: drop path's draws, the same in both passes.
     */
    private Matrix factors(int lane, Chunk chunk, Dropout drops) {
        Matrix factors = memory.factors()[lane].rows(0, chunk.images());
        if (drops.active()) {
            kernels.dropPath(drops, chunk.firstImage(), factors);
        } else {
            kernels.fill(factors, 1);
        }
        return factors;
    }

    // ---------------------------------------------------------------- backward

    @Override
    public void backward(Pass pass) {
        Dropout drops = target.dropout(pass);
        target.prepareGradient(pass);
        begin();
        packBackward();
        kernels.transpose(depthwise, false, memory.taps());
        compute.forEachChunk(chunks, pass, (lane, chunk) -> backward(lane, chunk, drops));
        finish();
    }

    private void begin() {
        for (LaneSums sums :
                new LaneSums[] {tapSums, normSums, expansionSums, projectionSums, scaleSums}) {
            sums.begin();
        }
        depthwiseBias.begin();
        expansionBias.begin();
        projectionBias.begin();
        gate.ifPresent(DepthwiseGate::begin);
    }

    private void backward(int lane, Chunk chunk, Dropout drops) {
        Matrix dOut = chunk.in(memory.outputGradient()[lane]);
        Matrix dY = chunk.in(memory.scaled()[lane]);
        Matrix factors = factors(lane, chunk, drops);
        target.gradient(chunk, Dropout.NONE, dOut);
        if (!memory.mixed().isKept()) {
            mix(lane, chunk);
        }
        if (gate.isEmpty()) {
            kernels.scaleImages(dOut, scale, null, factors, null, dY);
        }
        forEachPart(
                chunk,
                (first, rows) -> {
                    Part part = new Part(lane, chunk, first, rows);
                    makeAgain(part);
                    // With a gate a chunk has one part.
                    gate.ifPresent(g -> backwardGate(g, lane, chunk, dOut, factors, dY));
                    backwardPart(part, dY.rows(first, rows));
                });
        if (gate.isEmpty()) {
            Matrix products = products(lane, chunk, dOut);
            kernels.scaleGradient(products, scale, null, factors, null);
            kernels.addColumnSums(products, scaleSums.of(lane));
        }
        backwardMixing(lane, chunk);
    }

    private void makeAgain(Part part) {
        normalise(part); // its statistics are never kept
        boolean projects = !memory.output().isKept();
        forEachBlock(
                (channel, count) -> {
                    Matrix h = part.middle(channel, count);
                    Matrix a = part.activated(channel, count);
                    if (!memory.middle().isKept()) {
                        expandAgain(part, channel, h);
                    }
                    if (!memory.activated().isKept()) {
                        kernels.gelu(h, a);
                    }
                    if (projects) {
                        project(part, channel, a);
                    }
                });
        if (projects) {
            projectionBias.addTo(part.output());
        }
    }

    private Matrix products(int lane, Chunk chunk, Matrix dOut) {
        Matrix products = memory.products()[lane].rows(0, chunk.images());
        kernels.imageProducts(dOut, memory.output().of(lane, chunk), products);
        return products;
    }

    private void backwardGate(
            DepthwiseGate g, int lane, Chunk chunk, Matrix dOut, Matrix factors, Matrix dY) {
        Matrix logits = g.logits(lane, chunk, memory.output().of(lane, chunk));
        Matrix products = products(lane, chunk, dOut);
        kernels.scaleGradient(products, scale, logits, factors, g.logitsGradient(lane, chunk));
        kernels.addColumnSums(products, scaleSums.of(lane));
        Matrix means = g.meansGradient(lane, chunk);
        kernels.scaleImages(dOut, scale, logits, factors, means, dY);
    }

    private void backwardPart(Part part, Matrix dY) {
        int lane = part.lane;
        Matrix x = part.of(memory.normalised());
        projectionBias.addGradient(lane, dY);
        forEachBlock(
                (channel, count) -> {
                    Matrix h = part.middle(channel, count);
                    Matrix a = part.activated(channel, count);
                    Matrix dH = part.middleGradient(count);
                    Matrix ofProjection = projectionSums.of(lane).columns(channel, count);
                    compute.multiplyTransposedInto(lane, dY, a, ofProjection);
                    throughProjection.get(block(channel)).multiply(lane, dY, dH);
                    kernels.geluGradient(dH, h, dH);
                    expansionBias.addGradient(lane, dH, channel);
                    Matrix ofExpansion = expansionSums.of(lane).rows(channel, count);
                    compute.multiplyTransposedInto(lane, dH, x, ofExpansion);
                    throughExpansion.get(block(channel)).multiply(lane, dH, part.mixedGradient());
                });
    }

    private void backwardMixing(int lane, Chunk chunk) {
        Matrix gradient = chunk.in(memory.mixedGradient()[lane]);
        kernels.layerNormGradient(
                gradient,
                memory.mixed().of(lane, chunk),
                gamma,
                memory.rowStatistics()[lane].rows(0, chunk.rows()),
                normSums.of(lane),
                gradient);
        depthwiseBias.addGradient(lane, gradient);
        kernels.addDepthwiseWeightGradient(
                prefix(chunk), gradient, chunk.images(), memory.shape(), tapSums.of(lane));
        for (RawSource.Target t : source.targets()) {
            int count = t.gradient().columns();
            kernels.depthwiseGradient(
                    gradient.columns(t.offset(), count),
                    chunk.images(),
                    memory.shape(),
                    memory.taps().columns(t.offset(), count),
                    !t.overwrites(),
                    chunk.of(t.gradient()));
        }
    }

    private void finish() {
        kernels.fill(memory.tapGradient(), 0);
        tapSums.addTo(memory.tapGradient(), 0, memory.tapGradient().rows());
        kernels.transpose(memory.tapGradient(), true, depthwiseGradient);
        depthwiseBias.finish();
        normSums.addTo(betaGradient, 0, gammaGradient, 1);
        compute.reduce(expansionSums, expansionGradient);
        expansionBias.finish();
        compute.reduce(projectionSums, projectionGradient);
        projectionBias.finish();
        scaleSums.addTo(scaleGradient, 0, 1);
        gate.ifPresent(DepthwiseGate::finish);
    }
}
