package org.densenet4j.inference;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.InferenceRead;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;

/** Columns behind an L2 normalisation of each pixel. */
final class L2NormalisedSource implements Source {
    private final Kernels kernels;
    private final Matrix values;
    private final InferenceRead.Scales scales;
    private final float epsilon;

    L2NormalisedSource(
            InferenceDevice on,
            InferenceRead read,
            InferenceRead.Scales scales,
            WeightSource weights)
            throws IOException {
        this.kernels = on.kernels();
        this.values = on.memory().values(read.ranges().getFirst());
        this.scales = scales;
        this.epsilon = (float) scales.norm().epsilon();
        on.upload(weights.values(scales.norm().name() + ".weight"), scales.values());
    }

    @Override
    public void prepare() {}

    @Override
    public Matrix values() {
        return values;
    }

    @Override
    public Matrix read(Chunk chunk, Matrix scratch) {
        Matrix target = chunk.in(scratch);
        copyTo(chunk, target);
        return target;
    }

    @Override
    public void copyTo(Chunk chunk, Matrix target) {
        kernels.l2Norm(chunk.of(values), scales.values(), epsilon, target);
    }
}
