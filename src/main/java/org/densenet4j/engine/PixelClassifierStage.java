package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.PixelClassifierMemory;

/** A head for every pixel: a 1x1 convolution to the classes, in float32. */
final class PixelClassifierStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final PixelClassifierMemory memory;
    private final Chunks chunks;
    private final Source source;
    private final Matrix weight;
    private final Matrix weightGradient;
    private final LaneSums weightSums;
    private final Bias bias;

    PixelClassifierStage(Compute compute, PixelClassifierMemory memory) {
        PixelClassifier node = memory.node();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.chunks = memory.rows();
        this.source = Source.of(compute, node, 0, memory.norm());
        this.weight = compute.weight(node.convolution() + ".weight");
        this.weightGradient = compute.weightGradient(node.convolution() + ".weight");
        this.weightSums = new LaneSums(kernels, memory.weightSums());
        this.bias = new Bias(compute, node.convolution(), memory.biasSums());
    }

    @Override
    public String name() {
        return memory.node().name();
    }

    @Override
    public Matrix output(Pass pass) {
        return memory.loss().logits().rows(0, pass.images() * chunks.rowsPerImage());
    }

    /** A chunk of what is read, in float32. */
    private Matrix read(int lane, Chunk chunk) {
        Matrix a = source.read(chunk, memory.source()[lane]);
        if (memory.sourceFloats() == memory.source()) {
            return a;
        }
        Matrix floats = chunk.in(memory.sourceFloats()[lane]);
        kernels.copy(a, floats);
        return floats;
    }

    @Override
    public void forward(Pass pass) {
        source.prepareForward(pass);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix logits = chunk.of(memory.loss().logits());
                    compute.multiplyByTransposed(lane, read(lane, chunk), weight, logits);
                    bias.addTo(logits);
                });
    }

    @Override
    public void backward(Pass pass) {
        Matrix partials =
                memory.partials().reshaped(2 * chunks.count(pass.images()), source.channels());
        source.prepareBackward(pass);
        weightSums.begin();
        bias.begin();
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix dLogits = chunk.of(memory.loss().logitsGradient());
                    bias.addGradient(lane, dLogits);
                    compute.multiplyTransposedInto(
                            lane, dLogits, read(lane, chunk), weightSums.of(lane));
                    Matrix dA = chunk.in(memory.sourceFloats()[lane]);
                    compute.multiply(lane, dLogits, weight, dA);
                    if (memory.sourceFloats() != memory.source()) {
                        Matrix rounded = chunk.in(memory.source()[lane]);
                        kernels.copy(dA, rounded);
                        dA = rounded;
                    }
                    source.accumulate(pass, chunk, dA, chunk.partial(partials));
                });
        compute.reduce(weightSums, weightGradient);
        bias.finish();
        source.finish(pass, partials, chunks);
    }
}
