package org.densenet4j.inference;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.InferenceRead;

import java.util.List;

/** Columns as they are; where they lie densely, they are read in their place. */
final class RawSource implements Source {
    private final Kernels kernels;
    private final List<Matrix> values;

    RawSource(InferenceDevice on, InferenceRead read) {
        this.kernels = on.kernels();
        this.values = read.ranges().stream().map(on.memory()::values).toList();
    }

    @Override
    public void prepare() {}

    @Override
    public Matrix values() {
        return values.getFirst();
    }

    /** A chunk of what is read, strided or not, where it lies in one matrix. */
    Matrix inPlace(Chunk chunk, Matrix scratch) {
        return values.size() == 1 ? chunk.of(values()) : read(chunk, scratch);
    }

    @Override
    public Matrix read(Chunk chunk, Matrix scratch) {
        if (values.size() == 1 && values().isDense()) {
            return chunk.of(values());
        }
        Matrix target = chunk.in(scratch);
        copyTo(chunk, target);
        return target;
    }

    @Override
    public void copyTo(Chunk chunk, Matrix target) {
        int from = 0;
        for (Matrix v : values) {
            kernels.copy(chunk.of(v), target.columns(from, v.columns()));
            from += v.columns();
        }
    }

    /** Adds a chunk of what is read to a sum. */
    void addTo(Chunk chunk, Matrix sum) {
        int from = 0;
        for (Matrix v : values) {
            kernels.add(chunk.of(v), sum.columns(from, v.columns()));
            from += v.columns();
        }
    }
}
