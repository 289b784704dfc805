package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;

/** The bias of a convolution, whose gradient is the sum of the output's gradient over all rows. */
final class Bias {
    private final Kernels kernels;
    private final Matrix bias;
    private final Matrix gradient;
    private final LaneSums sums;

    /**
     * The bias of a convolution.
     *
     * @param sums memory for one sum of the gradient for each lane
     */
    Bias(Compute compute, String convolution, Matrix sums) {
        this.kernels = compute.kernels();
        this.bias = compute.vector(convolution + ".bias");
        this.gradient = compute.vectorGradient(convolution + ".bias");
        this.sums = LaneSums.rows(kernels, sums);
    }

    /** The bias itself [1, C]. */
    Matrix values() {
        return bias;
    }

    void addTo(Matrix y) {
        kernels.addBias(y, bias);
    }

    /** Before the chunks of a backward pass. */
    void begin() {
        sums.begin();
    }

    void addGradient(int lane, Matrix dY) {
        kernels.addColumnSums(dY, sums.of(lane));
    }

    /** After the chunks of a backward pass. */
    void finish() {
        sums.addTo(gradient, 0, 1);
    }
}
