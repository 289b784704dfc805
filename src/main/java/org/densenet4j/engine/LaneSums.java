package org.densenet4j.engine;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;

import java.util.Arrays;
import java.util.Optional;

/**
 * The lanes' sums of a weight gradient. Each lane zeroes its sum on first use, so that the sum
 * starts in that lane's cache.
 */
final class LaneSums {
    private final Kernels kernels;
    private final Matrix[] sums;
    private final boolean[] begun;

    LaneSums(Kernels kernels, Matrix[] sums) {
        this.kernels = kernels;
        this.sums = sums;
        this.begun = new boolean[sums.length];
    }

    /** Of a matrix with one sum per row. */
    static LaneSums rows(Kernels kernels, Matrix sums) {
        Matrix[] rows = new Matrix[sums.rows()];
        Arrays.setAll(rows, sums::row);
        return new LaneSums(kernels, rows);
    }

    /** None where the only lane adds to the gradient itself. */
    static Optional<LaneSums> orNone(Kernels kernels, Matrix[] sums) {
        return sums.length == 0 ? Optional.empty() : Optional.of(new LaneSums(kernels, sums));
    }

    /** Before a pass. */
    void begin() {
        Arrays.fill(begun, false);
    }

    /** What a lane adds to. */
    Matrix of(int lane) {
        if (!begun[lane]) {
            begun[lane] = true;
            kernels.fill(sums[lane], 0);
        }
        return sums[lane];
    }

    /** After a pass: sums of lanes that had no chunk are zero, too. */
    void finish() {
        for (int lane = 0; lane < sums.length; lane++) {
            of(lane);
        }
    }

    /** Adds a row of all sums to each of two vectors. */
    void addTo(Matrix one, int rowOfOne, Matrix other, int rowOfOther) {
        for (int lane = 0; lane < sums.length; lane++) {
            if (begun[lane]) {
                kernels.add(sums[lane].row(rowOfOne), one);
                kernels.add(sums[lane].row(rowOfOther), other);
            }
        }
    }

    /** Adds all to some rows of a gradient. */
    void addTo(Matrix gradient, int firstRow, int rows) {
        for (int lane = 0; lane < sums.length; lane++) {
            if (begun[lane]) {
                kernels.add(sums[lane].rows(firstRow, rows), gradient.rows(firstRow, rows));
            }
        }
    }
}
