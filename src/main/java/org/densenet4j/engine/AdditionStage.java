package org.densenet4j.engine;

import org.densenet4j.backend.Dropout;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Addition;
import org.densenet4j.plan.AdditionMemory;
import org.densenet4j.plan.Chunks;

/**
 * A residual sum (He et al. 2016, arXiv 1512.03385): branch and shortcut, each as it is or behind a
 * batch normalisation, and mostly a ReLU. The gradient of a sum is that of both its terms; the
 * ReLU's mask is read off the output.
 */
final class AdditionStage implements Stage {
    private final Compute compute;
    private final Kernels kernels;
    private final AdditionMemory memory;
    private final Addition node;
    private final Chunks chunks;
    private final Source branch;
    private final Source shortcut;
    private final NewColumns target;

    AdditionStage(Compute compute, AdditionMemory memory) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.memory = memory;
        this.node = memory.node();
        this.chunks = memory.rows();
        this.branch = Source.of(compute, node, 0, memory.branch());
        this.shortcut = Source.of(compute, node, 1, memory.shortcut());
        this.target = new NewColumns(compute, node, memory.correction());
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
        Matrix partials = partials(memory.targetPartials(), pass, node.target().count());
        branch.prepareForward(pass);
        shortcut.prepareForward(pass);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix out = chunk.of(target.values());
                    int channels = shortcut.channels();
                    if (channels < out.columns()) {
                        kernels.fill(out.columns(channels, out.columns() - channels), 0);
                    }
                    shortcut.copyTo(chunk, out.prefix(channels));
                    branch.addTo(chunk, out, node.relu());
                    kernels.channelStatistics(out, chunk.partial(partials));
                });
        target.finish(pass, partials, chunks);
    }

    @Override
    public void backward(Pass pass) {
        Matrix branchPartials = partials(memory.branchPartials(), pass, branch.channels());
        Matrix shortcutPartials = partials(memory.shortcutPartials(), pass, shortcut.channels());
        target.prepareGradient(pass);
        branch.prepareBackward(pass);
        shortcut.prepareBackward(pass);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix dOut = chunk.in(memory.outputGradient()[lane]);
                    target.gradient(chunk, Dropout.NONE, dOut);
                    if (node.relu()) {
                        kernels.maskPositive(dOut, chunk.of(target.values()));
                    }
                    branch.accumulate(pass, chunk, dOut, chunk.partial(branchPartials));
                    shortcut.accumulate(
                            pass,
                            chunk,
                            dOut.prefix(shortcut.channels()),
                            chunk.partial(shortcutPartials));
                });
        branch.finish(pass, branchPartials, chunks);
        shortcut.finish(pass, shortcutPartials, chunks);
    }

    private Matrix partials(Matrix memoryOfAll, Pass pass, int channels) {
        return memoryOfAll.reshaped(2 * chunks.count(pass.images()), channels);
    }
}
