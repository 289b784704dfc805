package org.densenet4j.inference;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Addition;
import org.densenet4j.plan.AdditionInference;
import org.densenet4j.plan.Chunk;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/**
 * A residual sum (He et al. 2016, arXiv 1512.03385): branch and shortcut, each as it is or behind a
 * batch normalisation, and mostly a ReLU.
 */
final class AdditionStage implements InferenceStage {
    private final InferenceDevice on;
    private final AdditionInference memory;
    private final Source branch;
    private final Source shortcut;
    private final int shortcutChannels;
    private final Target target;

    AdditionStage(InferenceDevice on, AdditionInference memory, WeightSource weights)
            throws IOException {
        this.on = on;
        this.memory = memory;
        this.branch = Source.of(on, memory.branch(), weights);
        this.shortcut = Source.of(on, memory.shortcut(), weights);
        this.shortcutChannels = memory.shortcut().channels();
        this.target = new Target(on, memory.target());
    }

    @Override
    public void forward(int images) {
        branch.prepare();
        shortcut.prepare();
        on.forEachChunk(memory.rows(), images, (_, chunk) -> add(chunk));
        target.finish(images, memory.rows());
    }

    private void add(Chunk chunk) {
        Addition node = memory.node();
        Matrix out = target.of(chunk);
        switch (branch) {
            case NormalisedSource normalised ->
                    normalised.add(chunk, addend(chunk, out), node.relu(), out);
            case RawSource raw -> {
                copyShortcut(chunk, out);
                raw.addTo(chunk, out);
            }
            case L2NormalisedSource _ -> // graphs refuse it
                    throw new IllegalStateException(memory.node().name());
        }
        target.written(chunk);
    }

    /** The shortcut where it lies, if that is all there is to do, else made in the sum's place. */
    private Matrix addend(Chunk chunk, Matrix out) {
        if (shortcut instanceof RawSource && shortcutChannels == out.columns()) {
            return chunk.of(shortcut.values());
        }
        copyShortcut(chunk, out);
        return out;
    }

    /** Channels that the shortcut does not have count as zero. */
    private void copyShortcut(Chunk chunk, Matrix out) {
        Kernels kernels = on.kernels();
        if (shortcutChannels < out.columns()) {
            int missing = out.columns() - shortcutChannels;
            kernels.fill(out.columns(shortcutChannels, missing), 0);
        }
        shortcut.copyTo(chunk, out.prefix(shortcutChannels));
    }
}
