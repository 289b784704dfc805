package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Columns;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.Read;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.Piece;

import java.util.ArrayList;
import java.util.List;

/**
 * Columns as they are. Their gradient is in the units that the gradient matrix has, so it is just
 * added. Images lie densely and are read in place.
 */
final class RawSource implements Source {
    private final Kernels kernels;
    private final int channels;
    private final boolean wantsGradient;
    private final List<Matrix> values = new ArrayList<>();
    private final List<Target> targets = new ArrayList<>();

    /** Some of the columns, and whether the gradient is the first to reach them. */
    record Target(int offset, Matrix gradient, boolean overwrites) {}

    RawSource(Compute compute, Node node, int index, Read.Raw read) {
        this.kernels = compute.kernels();
        this.channels = read.channels();
        this.wantsGradient = compute.memory().wantsGradient(read);
        for (Columns c : read.ranges()) {
            values.add(compute.memory().values(c));
        }
        if (wantsGradient) {
            for (Piece p : compute.memory().lifetimes().pieces(node, index)) {
                Matrix gradient = compute.memory().gradient(p.columns());
                targets.add(new Target(p.offset(), gradient, p.overwrites()));
            }
        }
    }

    /** Where the gradient goes, for who writes it by columns. */
    List<Target> targets() {
        return List.copyOf(targets);
    }

    /** X of a read of one matrix. */
    Matrix values() {
        return values.getFirst();
    }

    @Override
    public int channels() {
        return channels;
    }

    @Override
    public void prepareForward(Pass pass) {}

    @Override
    public void prepareBackward(Pass pass) {}

    @Override
    public Matrix read(Chunk chunk, Matrix scratch) {
        if (values.size() == 1 && values.getFirst().isDense()) {
            return chunk.of(values.getFirst());
        }
        Matrix target = chunk.in(scratch);
        copyTo(chunk, target);
        return target;
    }

    @Override
    public boolean wantsGradient() {
        return wantsGradient;
    }

    @Override
    public void copyTo(Chunk chunk, Matrix target) {
        int from = 0;
        for (Matrix v : values) {
            kernels.copy(chunk.of(v), target.columns(from, v.columns()));
            from += v.columns();
        }
    }

    @Override
    public void addTo(Chunk chunk, Matrix sum, boolean withRelu) {
        if (withRelu) {
            throw new IllegalArgumentException("a sum with ReLU has a normalised branch");
        }
        int from = 0;
        for (Matrix v : values) {
            kernels.add(chunk.of(v), sum.columns(from, v.columns()));
            from += v.columns();
        }
    }

    @Override
    public Matrix gradient(Chunk chunk, Matrix scratch) {
        Target first = targets.getFirst();
        boolean inPlace = targets.size() == 1 && first.overwrites() && first.gradient().isDense();
        return inPlace ? chunk.of(first.gradient()) : chunk.in(scratch);
    }

    @Override
    public void accumulate(Pass pass, Chunk chunk, Matrix gradient, Matrix partial) {
        for (Target t : targets) {
            Matrix part = gradient.columns(t.offset(), t.gradient().columns());
            Matrix place = chunk.of(t.gradient());
            if (!t.overwrites()) {
                kernels.add(part, place);
            } else if (!part.equals(place)) {
                kernels.copy(part, place);
            }
        }
    }

    @Override
    public void finish(Pass pass, Matrix partials, Chunks chunks) {}
}
