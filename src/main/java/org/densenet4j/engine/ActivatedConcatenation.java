package org.densenet4j.engine;

import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.Copies;
import org.densenet4j.plan.NormScratch;

/**
 * What a dense layer reads whose writers normalise, as an autograd framework has it: a
 * concatenation of BN-ReLU outputs, made by the first layer that reads just these, and its
 * gradient.
 */
final class ActivatedConcatenation implements NaivePrefix {
    private final Compute compute;
    private final Copies copies;
    private final Chunks chunks;
    private final Matrix partials;
    private final NormalisedSource source;

    ActivatedConcatenation(
            Compute compute,
            Node node,
            Copies copies,
            Chunks chunks,
            Matrix partials,
            NormScratch scratch) {
        this.compute = compute;
        this.copies = copies;
        this.chunks = chunks;
        this.partials = partials;
        this.source = new NormalisedSource(compute, node, 0, scratch);
    }

    @Override
    public void concatenate(Pass pass) {
        if (copies.isThere()) {
            return;
        }
        source.prepareForward(pass);
        compute.forEachChunk(chunks, pass, (lane, chunk) -> source.copyTo(chunk, normalise(chunk)));
    }

    @Override
    public Matrix normalise(Chunk chunk) {
        return chunk.of(copies.normalised());
    }

    @Override
    public void backward(Pass pass) {
        Matrix sums = partials.reshaped(2 * chunks.count(pass.images()), source.channels());
        source.prepareBackward(pass);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) ->
                        source.accumulate(
                                pass, chunk, chunk.of(copies.gradient()), chunk.partial(sums)));
        source.finish(pass, sums, chunks);
    }
}
