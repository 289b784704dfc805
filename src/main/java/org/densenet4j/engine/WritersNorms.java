package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Channels;
import org.densenet4j.plan.NormScratch;

import java.util.List;

/**
 * The batch normalisations of those who wrote the columns that are read, however many they are:
 * scale and shift lie in the order of the columns, made once by the writers, and every reader takes
 * its part of them. All readers share gamma and beta, so their sums dbeta and dgamma are added
 * column by column; {@link OutputNorm} makes the parameters' gradients and the correction of them.
 */
final class WritersNorms implements SourceNorm {
    private final Kernels kernels;
    private final NormScratch scratch;
    private final List<Channels> ranges;

    /**
     * The norms of some columns.
     *
     * @param ranges the columns, in order
     */
    WritersNorms(Kernels kernels, NormScratch scratch, List<Channels> ranges) {
        this.kernels = kernels;
        this.scratch = scratch;
        this.ranges = List.copyOf(ranges);
    }

    @Override
    public void prepareForward(Pass pass, int rows) {
        prepareAgain(pass);
    }

    @Override
    public void prepareAgain(Pass pass) {
        int from = 0;
        for (Channels r : ranges) {
            int count = r.affine().columns();
            kernels.copy(r.affine(), scratch.affine().columns(from, count));
            from += count;
        }
    }

    /** {@inheritDoc} The scale is gamma/sigma already. */
    @Override
    public void prepareBackward(Pass pass) {
        prepareAgain(pass);
        kernels.copy(scratch.affine().row(0), scratch.weight());
    }

    @Override
    public Matrix statistics(Pass pass, int range) {
        return ranges.get(range).statistics();
    }

    @Override
    public Matrix affine() {
        return scratch.affine();
    }

    @Override
    public Matrix weight() {
        return scratch.weight();
    }

    @Override
    public void finishGradient(Pass pass, Matrix partials, int chunks) {
        int from = 0;
        for (Channels r : ranges) {
            int count = r.affine().columns();
            kernels.finishNormGradient(
                    partials.columns(from, count),
                    chunks,
                    r.statistics(),
                    scratch.sums().columns(from, count),
                    r.normSums().row(1),
                    r.normSums().row(0));
            from += count;
        }
    }
}
