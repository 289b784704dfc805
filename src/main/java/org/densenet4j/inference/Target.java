package org.densenet4j.inference;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Columns;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.Chunks;
import org.densenet4j.plan.InferenceTarget;

import java.util.Optional;

/**
 * The columns that a node writes. In networks that evaluate with the batch's statistics these are
 * taken of each chunk while it is hot, for all readers.
 */
final class Target {
    private final Kernels kernels;
    private final Matrix values;
    private final int pixels;
    private final Optional<Statistics> statistics;

    /**
     * Where statistics go.
     *
     * @param partials [2·chunks, k] sums of every chunk
     * @param result [3, k] what is made of them
     */
    private record Statistics(Matrix partials, float epsilon, Matrix result) {}

    Target(InferenceDevice on, InferenceTarget memory) {
        Columns columns = memory.columns();
        this.kernels = on.kernels();
        this.values = on.memory().values(columns);
        this.pixels = columns.of().pixels();
        this.statistics = memory.partials().map(partials -> statistics(on, columns, partials));
    }

    private static Statistics statistics(InferenceDevice on, Columns columns, Matrix partials) {
        return new Statistics(
                partials,
                (float) on.memory().graph().epsilon(columns.of()).orElseThrow(),
                on.memory().statistics(columns).orElseThrow());
    }

    /** A chunk of the columns. */
    Matrix of(Chunk chunk) {
        return chunk.of(values);
    }

    /**
     * Where a chunk of the output may be written for {@link #append}: in its place, if the columns
     * are all of their matrix or the convolution does not mind.
     *
     * @param scratch memory for it, dense, if it cannot be written in its place
     */
    Matrix place(Convolution convolution, Chunk chunk, Matrix scratch) {
        return values.isDense() || convolution.writesColumns() ? of(chunk) : chunk.in(scratch);
    }

    /** Brings a chunk of the output to its place, where {@link #place} may have put it already. */
    void append(Matrix y, Chunk chunk) {
        Matrix place = of(chunk);
        if (!y.equals(place)) {
            kernels.copy(y, place);
        }
        written(chunk);
    }

    /** Takes note that a chunk of the columns is there. */
    void written(Chunk chunk) {
        statistics.ifPresent(
                s -> kernels.channelStatistics(of(chunk), chunk.partial(s.partials())));
    }

    /**
     * After the chunks of a pass.
     *
     * @param chunks in which they were written, whatever rows are counted there
     */
    void finish(int images, Chunks chunks) {
        int whole = chunks.imagesPerChunk();
        statistics.ifPresent(
                s ->
                        kernels.finishStatistics(
                                s.partials().rows(0, 2 * chunks.count(images)),
                                whole > 0 ? whole * pixels : chunks.rowsPerChunk(),
                                images * pixels,
                                s.epsilon(),
                                s.result()));
    }
}
