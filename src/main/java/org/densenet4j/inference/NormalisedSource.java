package org.densenet4j.inference;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Columns;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.InferenceNorm;
import org.densenet4j.plan.InferenceRead;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** Columns behind a batch normalisation, the reader's own or the writers', and mostly a ReLU. */
final class NormalisedSource implements Source {
    private final Kernels kernels;
    private final List<Matrix> values;
    private final ChannelNormalisation norm;
    private final boolean relu;

    NormalisedSource(
            InferenceDevice on, InferenceRead read, InferenceNorm norm, WeightSource weights)
            throws IOException {
        this.kernels = on.kernels();
        List<Columns> ranges = read.ranges();
        this.values = ranges.stream().map(on.memory()::values).toList();
        this.norm =
                new ChannelNormalisation(
                        on,
                        norm,
                        ranges.stream()
                                .map(on.memory()::statistics)
                                .flatMap(Optional::stream)
                                .toList(),
                        weights);
        this.relu = read.relu();
    }

    @Override
    public void prepare() {
        norm.prepare();
    }

    @Override
    public Matrix values() {
        return values.getFirst();
    }

    /** Scale and shift of all channels [2, C]. */
    Matrix affine() {
        return norm.affine();
    }

    @Override
    public Matrix read(Chunk chunk, Matrix scratch) {
        Matrix target = chunk.in(scratch);
        copyTo(chunk, target);
        return target;
    }

    @Override
    public void copyTo(Chunk chunk, Matrix target) {
        int from = 0;
        for (Matrix v : values) {
            Matrix affine = affine().columns(from, v.columns());
            Matrix out = target.columns(from, v.columns());
            if (relu) {
                kernels.normaliseRelu(chunk.of(v), affine, out);
            } else {
                kernels.normalise(chunk.of(v), affine, out);
            }
            from += v.columns();
        }
    }

    /** {@code sum = what is read + addend}, and {@code max(0, ·)} of it if asked. */
    void add(Chunk chunk, Matrix addend, boolean withRelu, Matrix sum) {
        int from = 0;
        for (Matrix v : values) {
            int count = v.columns();
            kernels.addNormalised(
                    chunk.of(v),
                    affine().columns(from, count),
                    addend.columns(from, count),
                    withRelu,
                    sum.columns(from, count));
            from += count;
        }
    }
}
