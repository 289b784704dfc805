package org.densenet4j.engine;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.PixelLogitsMemory;

/** A head for every pixel whose logits, in float32, are what it reads. */
final class PixelLogitsStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final PixelLogitsMemory memory;
    private final Chunks chunks;
    private final Source source;
    private final boolean floats;

    PixelLogitsStage(Compute compute, PixelLogitsMemory memory) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.chunks = memory.rows();
        this.source = Source.of(compute, memory.node(), 0, memory.norm());
        this.floats = compute.memory().precision() == DataType.FLOAT32;
    }

    @Override
    public String name() {
        return memory.node().name();
    }

    @Override
    public Matrix output(Pass pass) {
        return memory.loss().logits().rows(0, pass.images() * chunks.rowsPerImage());
    }

    @Override
    public void forward(Pass pass) {
        source.prepareForward(pass);
        compute.forEachChunk(chunks, pass, this::forward);
    }

    private void forward(int lane, Chunk chunk) {
        Matrix logits = chunk.of(memory.loss().logits());
        if (floats) {
            source.copyTo(chunk, logits);
        } else {
            kernels.copy(source.read(chunk, memory.source()[lane]), logits);
        }
    }

    @Override
    public void backward(Pass pass) {
        Matrix partials =
                memory.partials().reshaped(2 * chunks.count(pass.images()), source.channels());
        source.prepareBackward(pass);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) ->
                        source.accumulate(
                                pass, chunk, gradient(lane, chunk), chunk.partial(partials)));
        source.finish(pass, partials, chunks);
    }

    /** The gradient of a chunk's logits in the activations' type. */
    private Matrix gradient(int lane, Chunk chunk) {
        Matrix gradient = chunk.of(memory.loss().logitsGradient());
        if (floats) {
            return gradient;
        }
        Matrix rounded = chunk.in(memory.source()[lane]);
        kernels.copy(gradient, rounded);
        return rounded;
    }
}
