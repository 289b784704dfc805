package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.code.Panels;
import org.densenet4j.backend.cpu.code.Storage;

import java.lang.foreign.MemorySegment;

/**
 * The weights W [N, K] of a pointwise convolution in the layouts that its machine code reads, in
 * words of {@link Storage}: panels of Wᵀ forward, and backward, in bfloat16, pairs of rows.
 */
final class PointwiseWeights {
    private final MemorySegment memory;

    PointwiseWeights(MemorySegment memory) {
        this.memory = memory;
    }

    /** Bytes of the larger of the two layouts. */
    static long bytes(PointwiseShape s) {
        Storage storage = CompiledPointwise.storage(s.type());
        int inputs = s.inputChannels();
        long panels = new Panels(s.outputChannels()).floats(storage.words(inputs));
        long pairs = (long) storage.words(s.outputChannels()) * inputs;
        return 4 * Math.max(panels, pairs);
    }

    /** Writes panels; see {@link org.densenet4j.backend.cpu.code.ForwardCode}. */
    void intoPanels(Matrix weight, long to) {
        Panels panels = new Panels(weight.rows());
        Storage storage = CompiledPointwise.storage(weight.type());
        int words = storage.words(weight.columns());
        long panel = to;
        for (int p = 0; p < panels.count(); p++) {
            int columns = panels.columns(p);
            for (int j = 0; j < columns; j++) {
                int row = panels.firstColumn(p) + j;
                for (int k = 0; k < words; k++) {
                    int word = row < weight.rows() ? alongRow(weight, row, k) : 0;
                    memory.set(JAVA_INT, panel + 4L * ((long) k * columns + j), word);
                }
            }
            panel += 4L * columns * words;
        }
    }

    /** Writes pairs of rows; see {@link org.densenet4j.backend.cpu.code.BackwardCode}. */
    void intoPairs(Matrix weight, long to) {
        int columns = weight.columns();
        for (int n = 0; n < weight.rows(); n += 2) {
            long row = to + 2L * n * columns;
            for (int k = 0; k < columns; k++) {
                memory.set(JAVA_INT, row + 4L * k, pair(weight, n, k, n + 1, k));
            }
        }
    }

    /** The k-th word of a row. */
    private int alongRow(Matrix weight, int row, int k) {
        return weight.type() == DataType.FLOAT32
                ? memory.get(JAVA_INT, weight.at(row, k))
                : pair(weight, row, 2 * k, row, 2 * k + 1);
    }

    private int pair(Matrix weight, int row0, int column0, int row1, int column1) {
        return bits(weight, row0, column0) | bits(weight, row1, column1) << Short.SIZE;
    }

    /** Zero behind the last row or column. */
    private int bits(Matrix weight, int row, int column) {
        return row < weight.rows() && column < weight.columns()
                ? Short.toUnsignedInt(memory.get(JAVA_SHORT, weight.at(row, column)))
                : 0;
    }
}
