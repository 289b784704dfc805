package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.graph.Classifier;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.ClassifierMemory;

import java.util.Optional;

/** A head for whole images: global average pool, mostly behind BN-ReLU, and linear classifier. */
final class ClassifierStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final ClassifierMemory memory;
    private final Chunks chunks;
    private final Source source;
    private final PoolShape pool;
    private final KeptCopy copy;
    private final Optional<HeadNorm> norm;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final Matrix bias;
    private final Matrix biasGradient;

    ClassifierStage(Compute compute, ClassifierMemory memory) {
        Classifier node = memory.node();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.chunks = memory.images();
        this.source = Source.of(compute, node, 0, memory.norm());
        this.pool = PoolShape.global(node.source().height(), node.source().width());
        this.copy = KeptCopy.in(kernels, memory.normalised());
        this.norm = memory.head().map(m -> new HeadNorm(compute, node.norm().orElseThrow(), m));
        this.weight = compute.weight(node.linear() + ".weight");
        this.weightGradient = compute.weightGradient(node.linear() + ".weight");
        this.bias = compute.vector(node.linear() + ".bias");
        this.biasGradient = compute.vectorGradient(node.linear() + ".bias");
    }

    @Override
    public String name() {
        return memory.node().name();
    }

    @Override
    public Matrix output(Pass pass) {
        return memory.loss().logits().rows(0, pass.images());
    }

    @Override
    public void forward(Pass pass) {
        source.prepareForward(pass);
        compute.forEachChunk(
                chunks, pass, (lane, chunk) -> pool(chunk, chunk.ofPixels(1).of(memory.pooled())));
        compute.together(
                lane -> {
                    norm.ifPresent(n -> n.forward(memory.pooled().rows(0, pass.images())));
                    Matrix logits = output(pass);
                    compute.multiplyByTransposed(lane, embeddings(pass.images()), weight, logits);
                    kernels.addBias(logits, bias);
                });
    }

    /** What the linear layer reads. */
    private Matrix embeddings(int images) {
        return norm.map(n -> n.output(images)).orElseGet(() -> memory.pooled().rows(0, images));
    }

    private void pool(Chunk chunk, Matrix pooled) {
        switch (source) {
            case NormalisedSource normalised -> {
                Matrix x = chunk.of(normalised.values());
                copy.keep(chunk, x, normalised.affine());
                kernels.normaliseReluGlobalPool(
                        x, chunk.images(), chunks.rowsPerImage(), normalised.affine(), pooled);
            }
            case RawSource raw ->
                    kernels.averagePool(chunk.of(raw.values()), chunk.images(), pool, pooled);
            case L2NormalisedSource _ ->
                    throw new IllegalStateException(name()); // graphs refuse it
        }
    }

    @Override
    public void backward(Pass pass) {
        Matrix dLogits = memory.loss().logitsGradient().rows(0, pass.images());
        Matrix pooled = embeddings(pass.images());
        Matrix dPooled = memory.pooledGradient().rows(0, pass.images());
        compute.together(
                lane -> {
                    compute.multiplyTransposedInto(lane, dLogits, pooled, weightGradient);
                    kernels.addColumnSums(dLogits, biasGradient);
                },
                lane -> {
                    compute.multiply(lane, dLogits, weight, dPooled);
                    norm.ifPresent(
                            n -> n.backward(memory.pooled().rows(0, pass.images()), dPooled));
                });
        source.prepareBackward(pass);
        Matrix partials =
                memory.partials().reshaped(2 * chunks.count(pass.images()), source.channels());
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> accumulate(pass, lane, chunk, chunk.partial(partials)));
        source.finish(pass, partials, chunks);
    }

    private void accumulate(Pass pass, int lane, Chunk chunk, Matrix partial) {
        Matrix dPooled = chunk.ofPixels(1).of(memory.pooledGradient());
        switch (source) {
            case NormalisedSource normalised -> {
                for (NormalisedSource.Part p : normalised.pieces()) {
                    kernels.accumulateGradientGlobalPool(
                            p.of(dPooled),
                            chunk.of(p.values()),
                            chunk.images(),
                            chunks.rowsPerImage(),
                            p.affine(),
                            p.statistics(pass),
                            p.weight(),
                            p.add(),
                            chunk.of(p.gradient()),
                            p.of(partial));
                }
            }
            case RawSource raw -> {
                Matrix dX = raw.gradient(chunk, memory.sourceGradient()[lane]);
                kernels.averagePoolGradient(dPooled, chunk.images(), pool, dX);
                raw.accumulate(pass, chunk, dX, partial);
            }
            case L2NormalisedSource _ -> throw new IllegalStateException(name());
        }
    }
}
