package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.ConvolvedBands;
import org.densenet4j.plan.L2NormScratch;
import org.densenet4j.plan.NormScratch;

import java.util.Optional;

/** What a node reads: chunks of columns that are densely packed, and the way back for gradients. */
sealed interface Source permits RawSource, NormalisedSource, L2NormalisedSource {
    /** The columns of a read, as they are or behind batch normalisation. */
    static Source of(Compute compute, Node node, int read, NormScratch scratch) {
        return of(compute, node, read, scratch, Optional.empty());
    }

    /**
     * The same of a node that may read behind an L2 normalisation, too.
     *
     * @param l2Norm what that needs, where it does
     */
    static Source of(
            Compute compute,
            Node node,
            int read,
            NormScratch scratch,
            Optional<L2NormScratch> l2Norm) {
        return switch (node.reads().get(read)) {
            case Read.Raw raw -> new RawSource(compute, node, read, raw);
            case Read.Normalised _, Read.Activated _ ->
                    new NormalisedSource(compute, node, read, scratch);
            case Read.L2Normalised n ->
                    new L2NormalisedSource(compute, node, read, n, l2Norm.orElseThrow());
        };
    }

    /** Channels that are read. */
    int channels();

    /** Before the chunks of a forward pass. */
    void prepareForward(Pass pass);

    /** Before the chunks of a backward pass. */
    void prepareBackward(Pass pass);

    /**
     * What is convolved for a band, zeros where that is outside its image.
     *
     * @param scratch where it is put together
     */
    default Matrix read(ConvolvedBands bands, Kernels kernels, Chunk band, Matrix scratch) {
        copyTo(bands.read(band), bands.inside(kernels, band, scratch));
        return scratch;
    }

    /**
     * A chunk of what is read, dense.
     *
     * @param scratch where it may be put together
     */
    Matrix read(Chunk chunk, Matrix scratch);

    /** Writes a chunk of what is read, which may be strided. */
    void copyTo(Chunk chunk, Matrix target);

    /** Adds a chunk of what is read to a sum, and takes {@code max(0, ·)} of it if asked. */
    void addTo(Chunk chunk, Matrix sum, boolean withRelu);

    /** Whether anything wants the gradient. */
    boolean wantsGradient();

    /**
     * Where the gradient of a chunk may be written for {@link #accumulate}.
     *
     * @param scratch memory for it, if it cannot be written to its place
     */
    Matrix gradient(Chunk chunk, Matrix scratch);

    /**
     * Passes a chunk's gradient on to the columns that were read.
     *
     * @param gradient dense or not; what {@link #gradient} gave, or any other
     * @param partial the chunk's two rows of sums [2, C]
     */
    void accumulate(Pass pass, Chunk chunk, Matrix gradient, Matrix partial);

    /** After the chunks of a backward pass. */
    void finish(Pass pass, Matrix partials, Chunks chunks);
}
