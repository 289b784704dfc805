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
        addTo(y, 0);
    }

    /** Adds those of some channels to as many columns. */
    void addTo(Matrix y, int firstChannel) {
        kernels.addBias(y, bias.columns(firstChannel, y.columns()));
    }

    /** Before the chunks of a backward pass. */
    void begin() {
        sums.begin();
    }

    void addGradient(int lane, Matrix dY) {
        addGradient(lane, dY, 0);
    }

    /** Adds what some columns are to the gradient of as many channels. */
    void addGradient(int lane, Matrix dY, int firstChannel) {
        kernels.addColumnSums(dY, sums.of(lane).columns(firstChannel, dY.columns()));
    }

    /** After the chunks of a backward pass. */
    void finish() {
        sums.addTo(gradient, 0, 1);
    }
}
