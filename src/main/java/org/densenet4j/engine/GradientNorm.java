package org.densenet4j.engine;

import org.densenet4j.backend.Matrix;

/**
 * The Euclidean norm of all parameter gradients, from the squared norms of slices that lie beside
 * the losses, so that the host reads both in one copy.
 */
final class GradientNorm {
    private final Compute compute;
    private final Matrix gradients;
    private final Matrix squares;

    GradientNorm(Compute compute) {
        this.compute = compute;
        this.gradients = compute.memory().parameterGradients();
        this.squares = compute.memory().loss().squaredNorms();
    }

    /** Queues the squared norm of every slice. */
    void run() {
        int slice = compute.sliceLength(gradients.columns());
        compute.forEachSlice(
                gradients.columns(),
                (from, count) ->
                        compute.kernels()
                                .squaredNorm(
                                        gradients.columns(from, count),
                                        squares.columns(from / slice, 1)));
    }

    private int slices() {
        return Math.ceilDiv(gradients.columns(), compute.sliceLength(gradients.columns()));
    }

    /**
     * The norm from the squared norms of the slices.
     *
     * @param first where they start among the values
     */
    double of(float[] values, int first) {
        double sum = 0;
        for (int i = 0; i < slices(); i++) {
            sum += values[first + i];
        }
        return Math.sqrt(sum);
    }

    /** Waits for the slices' squared norms. */
    double read() {
        float[] values = new float[slices()];
        compute.arena().download(squares.columns(0, values.length), values, 0);
        return of(values, 0);
    }

    /** The squared norm of any matrix, in place of the first slice's; waits for it. */
    double squaredNormOf(Matrix x) {
        Matrix target = squares.columns(0, 1);
        compute.kernels().squaredNorm(x, target);
        float[] value = new float[1];
        compute.arena().download(target, value, 0);
        return value[0];
    }
}
