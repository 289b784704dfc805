package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;
import org.densenet4j.plan.Channels;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.NormScratch;
import org.densenet4j.plan.Piece;

import java.util.ArrayList;
import java.util.List;

/**
 * Columns behind a batch normalisation, the reader's own or the writers', and mostly a ReLU. The
 * normalised values are made for a chunk of rows at a time, forward and again backward; the
 * correction that batch normalisation makes to their gradient is left to the columns' producer,
 * except by the naive strategy.
 */
final class NormalisedSource implements Source {
    private final Compute compute;
    private final Kernels kernels;
    private final SourceNorm norm;
    private final NormScratch scratch;
    private final int channels;
    private final int pixels;
    private final boolean relu;

    /** What is read of each matrix, in order. */
    private final List<Part> ranges = new ArrayList<>();

    /** The same, cut where columns that have a gradient meet columns that have none yet. */
    private final List<Part> pieces = new ArrayList<>();

    /** The same, cut where columns that have deferred sums meet columns that have none yet. */
    private final List<Part> sums = new ArrayList<>();

    NormalisedSource(Compute compute, Node node, int index, NormScratch scratch) {
        this.compute = compute;
        this.kernels = compute.kernels();
        this.scratch = scratch;
        Read read = node.reads().get(index);
        this.channels = read.channels();
        this.pixels = read.height() * read.width();
        this.relu = read.isBehindRelu();
        int offset = 0;
        for (Columns c : read.ranges()) {
            ranges.add(new Part(offset, offset, ranges.size(), of(c), true));
            offset += c.count();
        }
        for (Piece p : compute.memory().lifetimes().pieces(node, index)) {
            pieces.add(part(p));
        }
        this.norm = norm(read);
        if (norm instanceof BatchNormalisation) {
            for (Piece p : compute.memory().lifetimes().sums(node, index)) {
                sums.add(part(p));
            }
        }
    }

    private SourceNorm norm(Read read) {
        return switch (read) {
            case Read.Normalised n ->
                    new BatchNormalisation(
                            compute,
                            n.norm(),
                            scratch,
                            ranges.stream().map(r -> r.columns.statistics()).toList());
            case Read.Activated _ ->
                    new WritersNorms(
                            kernels, scratch, ranges.stream().map(r -> r.columns).toList());
            case Read.Raw _, Read.L2Normalised _ ->
                    throw new IllegalArgumentException("nothing normalises " + read);
        };
    }

    private Channels of(Columns c) {
        return compute.memory().channels(c);
    }

    private Part part(Piece p) {
        Part range = ranges.getFirst();
        for (Part r : ranges) {
            if (r.offset <= p.offset()) {
                range = r;
            }
        }
        return new Part(p.offset(), range.offset, range.range, of(p.columns()), !p.overwrites());
    }

    /** Some of the columns that are read, which lie in one matrix. */
    final class Part {
        private final int offset;
        private final int rangeOffset;
        private final int range;
        private final Channels columns;
        private final boolean add;

        private Part(int offset, int rangeOffset, int range, Channels columns, boolean add) {
            this.offset = offset;
            this.rangeOffset = rangeOffset;
            this.range = range;
            this.columns = columns;
            this.add = add;
        }

        private int count() {
            return columns.values().columns();
        }

        /** These channels of a matrix with all that are read. */
        Matrix of(Matrix matrix) {
            return matrix.columns(offset, count());
        }

        /** X of these columns. */
        Matrix values() {
            return columns.values();
        }

        /** G of these columns. */
        Matrix gradient() {
            return columns.gradient();
        }

        /** Whether others have written gradients there before. */
        boolean add() {
            return add;
        }

        /** Scale and shift [2, C]. */
        Matrix affine() {
            return of(scratch.affine());
        }

        /** Factor of the gradient [1, C]. */
        Matrix weight() {
            return of(scratch.weight());
        }

        /** Statistics [3, C] that a pass uses. */
        Matrix statistics(Pass pass) {
            return norm.statistics(pass, range).columns(offset - rangeOffset, count());
        }
    }

    // ---------------------------------------------------------------- forward

    @Override
    public int channels() {
        return channels;
    }

    @Override
    public void prepareForward(Pass pass) {
        norm.prepareForward(pass, pass.images() * pixels);
    }

    /** Before a forward pass is repeated as part of a backward pass. */
    void prepareAgain(Pass pass) {
        norm.prepareAgain(pass);
    }

    /** X of a read of one matrix. */
    Matrix values() {
        return ranges.getFirst().values();
    }

    /** Scale and shift of all channels [2, C]. */
    Matrix affine() {
        return norm.affine();
    }

    @Override
    public Matrix read(Chunk chunk, Matrix target) {
        Matrix out = chunk.in(target);
        copyTo(chunk, out);
        return out;
    }

    @Override
    public void copyTo(Chunk chunk, Matrix target) {
        for (Part r : ranges) {
            if (relu) {
                kernels.normaliseRelu(chunk.of(r.values()), r.affine(), r.of(target));
            } else {
                kernels.normalise(chunk.of(r.values()), r.affine(), r.of(target));
            }
        }
    }

    @Override
    public void addTo(Chunk chunk, Matrix sum, boolean withRelu) {
        for (Part r : ranges) {
            kernels.addNormalised(chunk.of(r.values()), r.affine(), r.of(sum), withRelu, r.of(sum));
        }
    }

    // ---------------------------------------------------------------- backward

    @Override
    public void prepareBackward(Pass pass) {
        norm.prepareBackward(pass);
    }

    /** Statistics [3, C] that a pass uses of a read of one matrix. */
    Matrix statistics(Pass pass) {
        return norm.statistics(pass, 0);
    }

    /** Factor of the gradient of all channels [1, C]. */
    Matrix weight() {
        return norm.weight();
    }

    /** G of a read of one matrix. */
    Matrix gradient() {
        return ranges.getFirst().gradient();
    }

    /** What is read, cut where gradients are added and where they are the first. */
    List<Part> pieces() {
        return pieces;
    }

    /** Zeroes a chunk's gradients that nothing has written yet, for kernels that only add. */
    void clearNewGradients(Chunk chunk) {
        for (Part p : pieces) {
            if (!p.add()) {
                kernels.fill(chunk.of(p.gradient()), 0);
            }
        }
    }

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
        for (Part p : pieces) {
            if (relu) {
                kernels.accumulateGradient(
                        p.of(gradient),
                        chunk.of(p.values()),
                        p.affine(),
                        p.statistics(pass),
                        p.weight(),
                        p.add(),
                        chunk.of(p.gradient()),
                        p.of(partial));
            } else {
                kernels.accumulateGradientOfNormalised(
                        p.of(gradient),
                        chunk.of(p.values()),
                        p.statistics(pass),
                        p.weight(),
                        p.add(),
                        chunk.of(p.gradient()),
                        p.of(partial));
            }
        }
    }

    @Override
    public void finish(Pass pass, Matrix partials, Chunks chunks) {
        norm.finishGradient(pass, partials, chunks.count(pass.images()));
        if (!(norm instanceof BatchNormalisation own)) {
            return; // the writers correct, under every strategy
        }
        if (compute.defersCorrections()) {
            for (Part p : sums) {
                kernels.deferSums(p.of(own.sums()), p.weight(), p.add(), p.columns.deferred());
            }
        } else {
            finishAtOnce(pass, own, chunks);
        }
    }

    /**
     * As the naive strategy does: this reader's correction is applied to all that it read, at once.
     */
    private void finishAtOnce(Pass pass, BatchNormalisation own, Chunks chunks) {
        for (Part r : ranges) {
            kernels.deferSums(r.of(own.sums()), r.weight(), false, r.columns.deferred());
            kernels.deferredCorrection(
                    r.columns.deferred(),
                    r.columns.statistics(),
                    pass.images() * pixels,
                    !compute.usesBatchStatistics(pass),
                    r.of(scratch.correction()));
        }
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) -> {
                    for (Part r : ranges) {
                        kernels.applyCorrection(
                                chunk.of(r.gradient()),
                                chunk.of(r.values()),
                                r.of(scratch.correction()),
                                r.columns.statistics(),
                                false,
                                chunk.of(r.gradient()));
                    }
                });
    }
}
