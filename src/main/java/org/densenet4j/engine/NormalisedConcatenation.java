package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;
import org.densenet4j.plan.Channels;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.Copies;
import org.densenet4j.plan.NormScratch;
import org.densenet4j.plan.Piece;

import java.util.ArrayList;
import java.util.List;

/**
 * What a dense layer reads and normalises, as an autograd framework has it: a concatenation of the
 * layer's own, statistics of all of it, its BN-ReLU output, and a batch-norm gradient that is
 * finished over all of it at once.
 */
final class NormalisedConcatenation implements NaivePrefix {
    private final Compute compute;
    private final Kernels kernels;
    private final Copies copies;
    private final Chunks chunks;
    private final Matrix partials;
    private final float epsilon;
    private final BatchNormalisation norm;
    private final List<Matrix> ranges = new ArrayList<>();
    private final List<Piece> pieces;

    /**
     * The copies of a node.
     *
     * @param chunks in which copies are made
     * @param partials memory for two rows of sums for each chunk
     */
    NormalisedConcatenation(
            Compute compute,
            Node node,
            Copies copies,
            Chunks chunks,
            Matrix partials,
            NormScratch scratch) {
        Read.Normalised read = (Read.Normalised) node.reads().getFirst();
        this.compute = compute;
        this.kernels = compute.kernels();
        this.copies = copies;
        this.chunks = chunks;
        this.partials = partials;
        this.epsilon = (float) read.norm().epsilon();
        this.norm =
                new BatchNormalisation(compute, read.norm(), scratch, List.of(copies.statistics()));
        for (Columns c : read.ranges()) {
            ranges.add(compute.memory().channels(c).values());
        }
        this.pieces = compute.memory().lifetimes().pieces(node, 0);
    }

    private int rows(Pass pass) {
        return chunks.rowsPerImage() * pass.images();
    }

    private Matrix partials(Pass pass) {
        return partials.reshaped(2 * chunks.count(pass.images()), copies.concatenation().columns());
    }

    /** {@inheritDoc} Takes their statistics, too. */
    @Override
    public void concatenate(Pass pass) {
        Matrix sums = partials(pass);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    Matrix copy = chunk.of(copies.concatenation());
                    int from = 0;
                    for (Matrix range : ranges) {
                        kernels.copy(chunk.of(range), copy.columns(from, range.columns()));
                        from += range.columns();
                    }
                    kernels.channelStatistics(copy, chunk.partial(sums));
                });
        if (compute.usesBatchStatistics(pass)) {
            kernels.finishStatistics(
                    sums, chunks.rowsPerChunk(), rows(pass), epsilon, copies.statistics());
        }
        norm.prepareForward(pass, rows(pass));
    }

    @Override
    public Matrix normalise(Chunk chunk) {
        Matrix a = chunk.of(copies.normalised());
        kernels.normaliseRelu(chunk.of(copies.concatenation()), norm.affine(), a);
        return a;
    }

    @Override
    public void backward(Pass pass) {
        Matrix gradient = copies.gradient();
        NaiveNormalisation.mask(
                compute, pass, chunks, norm, copies.concatenation(), gradient, partials(pass));
        Matrix correction =
                norm.finishAtOnce(pass, partials(pass), chunks.count(pass.images()), rows(pass));
        Matrix statistics = norm.statistics(pass, 0);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    for (Piece p : pieces) {
                        int from = p.offset();
                        int count = p.columns().count();
                        Channels columns = compute.memory().channels(p.columns());
                        kernels.applyCorrection(
                                chunk.of(gradient).columns(from, count),
                                chunk.of(copies.concatenation()).columns(from, count),
                                correction.columns(from, count),
                                statistics.columns(from, count),
                                !p.overwrites(),
                                chunk.of(columns.gradient()));
                    }
                });
    }
}
