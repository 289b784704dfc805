package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.plan.Chunks;

/** Batch normalisation and ReLU over a whole matrix, as an autograd framework runs them. */
final class NaiveNormalisation {
    private NaiveNormalisation() {}

    /** {@code out = relu(bn(x))}. */
    static void apply(
            Compute compute,
            Pass pass,
            Chunks chunks,
            Matrix x,
            BatchNormalisation norm,
            Matrix out) {
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) ->
                        compute.kernels().normaliseRelu(chunk.of(x), norm.affine(), chunk.of(out)));
    }

    /** Masks a gradient by the ReLU, in place, and takes the sums of its normalisation. */
    static void mask(
            Compute compute,
            Pass pass,
            Chunks chunks,
            BatchNormalisation norm,
            Matrix x,
            Matrix gradient,
            Matrix partials) {
        Kernels kernels = compute.kernels();
        norm.prepareAgain(pass);
        Matrix statistics = norm.statistics(pass, 0);
        compute.forEachChunk(
                chunks,
                pass,
                (lane, chunk) ->
                        kernels.maskRelu(
                                chunk.of(gradient),
                                chunk.of(x),
                                norm.affine(),
                                statistics,
                                chunk.partial(partials)));
    }
}
