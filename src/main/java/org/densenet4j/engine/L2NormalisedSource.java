package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.L2NormScratch;

/**
 * Columns behind an L2 normalisation of each pixel. Since that depends on nothing but the pixel, it
 * is made for a chunk of rows at a time, forward and again backward, and its gradient is complete
 * when it is added; the naive strategy keeps what it made forward.
 */
final class L2NormalisedSource implements Source {
    private final Kernels kernels;
    private final L2NormScratch scratch;
    private final RawSource columns;
    private final float epsilon;
    private final Matrix scale;
    private final Matrix scaleGradient;
    private boolean backward;

    L2NormalisedSource(
            Compute compute, Node node, int index, Read.L2Normalised read, L2NormScratch scratch) {
        this.kernels = compute.kernels();
        this.scratch = scratch;
        this.columns = new RawSource(compute, node, index, new Read.Raw(read.ranges()));
        this.epsilon = (float) read.norm().epsilon();
        this.scale = compute.vector(read.norm().name() + ".weight");
        this.scaleGradient = compute.vectorGradient(read.norm().name() + ".weight");
    }

    @Override
    public int channels() {
        return columns.channels();
    }

    @Override
    public void prepareForward(Pass pass) {
        backward = false;
    }

    @Override
    public void prepareBackward(Pass pass) {
        backward = true;
    }

    @Override
    public Matrix read(Chunk chunk, Matrix target) {
        Matrix kept = scratch.normalised().map(chunk::of).orElse(null);
        if (kept != null && backward) {
            return kept;
        }
        Matrix out = kept == null ? chunk.in(target) : kept;
        copyTo(chunk, out);
        return out;
    }

    @Override
    public void copyTo(Chunk chunk, Matrix target) {
        kernels.l2Norm(chunk.of(columns.values()), scale, epsilon, target);
    }

    @Override
    public void addTo(Chunk chunk, Matrix sum, boolean withRelu) {
        throw new IllegalArgumentException("no sum reads behind an L2 norm");
    }

    /** That of the scale is wanted, whatever becomes of the columns'. */
    @Override
    public boolean wantsGradient() {
        return true;
    }

    @Override
    public Matrix gradient(Chunk chunk, Matrix target) {
        return chunk.in(target);
    }

    @Override
    public void accumulate(Pass pass, Chunk chunk, Matrix gradient, Matrix partial) {
        kernels.fill(partial, 0);
        kernels.l2NormGradient(
                gradient,
                chunk.of(columns.values()),
                scale,
                epsilon,
                chunk.of(scratch.inverses()),
                partial.row(0),
                gradient);
        columns.accumulate(pass, chunk, gradient, partial);
    }

    @Override
    public void finish(Pass pass, Matrix partials, Chunks chunks) {
        kernels.addColumnSums(partials, scaleGradient);
    }
}
