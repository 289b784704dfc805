package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Pooling;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.PoolingMemory;

/**
 * A pool into columns of their own. Where the maxima were, and what is between a pool and its blur,
 * is found again in the backward pass.
 */
final class PoolingStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final PoolingMemory memory;
    private final Pooling node;
    private final Chunks chunks;
    private final Source source;
    private final int sourcePixels;
    private final NewColumns target;
    private final KeptCopy copy;

    PoolingStage(Compute compute, PoolingMemory memory) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.node = memory.node();
        this.chunks = memory.images();
        this.source = Source.of(compute, node, 0, memory.norm());
        this.sourcePixels = node.source().height() * node.source().width();
        this.target = new NewColumns(compute, node, memory.correction());
        this.copy = KeptCopy.in(kernels, memory.normalised());
    }

    @Override
    public String name() {
        return node.name();
    }

    @Override
    public Matrix output(Pass pass) {
        return target.of(pass);
    }

    @Override
    public void forward(Pass pass) {
        Matrix partials = partials(pass);
        source.prepareForward(pass);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Chunk read = chunk.ofPixels(sourcePixels);
                    Matrix x = source.read(read, memory.source()[lane]);
                    Matrix out = chunk.of(target.values());
                    copy.keep(read, x);
                    pool(lane, read, x, out);
                    kernels.channelStatistics(out, chunk.partial(partials));
                });
        target.finish(pass, partials, chunks);
    }

    private void pool(int lane, Chunk read, Matrix x, Matrix out) {
        switch (node.kind()) {
            case MAX, MAX_OF_ALL -> kernels.maxPool(x, read.images(), memory.shape(), out);
            case AVERAGE -> kernels.averagePool(x, read.images(), memory.shape(), out);
            case MAX_THEN_BLUR -> {
                Matrix between = between(lane, read);
                kernels.maxPool(x, read.images(), memory.shape(), between);
                kernels.blurPool(
                        between,
                        read.images(),
                        memory.shape().height(),
                        memory.shape().width(),
                        out);
            }
        }
    }

    private Matrix between(int lane, Chunk read) {
        return read.in(memory.between()[lane]);
    }

    @Override
    public void backward(Pass pass) {
        Matrix partials = partials(pass);
        target.prepareGradient(pass);
        source.prepareBackward(pass);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Chunk read = chunk.ofPixels(sourcePixels);
                    Matrix dOut = chunk.in(memory.outputGradient()[lane]);
                    target.gradient(chunk, Dropout.NONE, dOut);
                    Matrix dX = source.gradient(read, memory.sourceGradient()[lane]);
                    backward(lane, read, dOut, dX);
                    source.accumulate(pass, read, dX, chunk.partial(partials));
                });
        source.finish(pass, partials, chunks.ofPixels(sourcePixels));
    }

    private void backward(int lane, Chunk read, Matrix dOut, Matrix dX) {
        int images = read.images();
        switch (node.kind()) {
            case AVERAGE -> kernels.averagePoolGradient(dOut, images, memory.shape(), dX);
            case MAX, MAX_OF_ALL -> {
                Matrix x = source.read(read, memory.source()[lane]);
                kernels.maxPoolGradient(dOut, x, images, memory.shape(), dX);
            }
            case MAX_THEN_BLUR -> {
                Matrix x = source.read(read, memory.source()[lane]);
                Matrix dBetween = between(lane, read);
                kernels.blurPoolGradient(
                        dOut, images, memory.shape().height(), memory.shape().width(), dBetween);
                kernels.maxPoolGradient(dBetween, x, images, memory.shape(), dX);
            }
        }
    }

    private Matrix partials(Pass pass) {
        return memory.partials().reshaped(2 * chunks.count(pass.images()), node.target().count());
    }
}
