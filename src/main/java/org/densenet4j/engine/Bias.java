package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;

import java.util.Optional;

/** The bias of a convolution, whose gradient is the sum of the output's gradient over all rows. */
final class Bias {
    private final Kernels kernels;
    private final Matrix bias;
    private final Matrix gradient;
    private final LaneSums sums;

    private Bias(Compute compute, String name, Matrix sums) {
        this.kernels = compute.kernels();
        this.bias = compute.vector(name);
        this.gradient = compute.vectorGradient(name);
        this.sums = LaneSums.rows(kernels, sums);
    }

    /**
     * The bias of a convolution, if it has one.
     *
     * @param sums memory for one sum of the gradient for each lane
     */
    static Optional<Bias> of(Compute compute, boolean has, String convolution, Matrix sums) {
        return has ? Optional.of(new Bias(compute, convolution + ".bias", sums)) : Optional.empty();
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
