package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.code.BackwardCode;
import org.densenet4j.backend.cpu.code.ForwardCode;
import org.densenet4j.backend.cpu.code.Panels;
import org.densenet4j.backend.cpu.code.Storage;

import java.lang.foreign.MemorySegment;

/**
 * The weights W [N, K] of a pointwise convolution in the layouts that its machine code reads, in
 * words of {@link Storage}: panels of Wᵀ forward, panels of W backward.
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
        int outputs = s.outputChannels();
        long forward = new Panels(outputs).floats(storage.words(inputs));
        return 4 * Math.max(forward, BackwardCode.panelFloats(storage, inputs, outputs));
    }

    /** Panels of Wᵀ, rows of W becoming columns; see {@link ForwardCode}. */
    void intoRowPanels(Matrix weight, long to) {
        Panels panels = new Panels(weight.rows());
        int words = CompiledPointwise.storage(weight.type()).words(weight.columns());
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

    /** Panels of W, of some columns each; see {@link BackwardCode}. */
    void intoColumnPanels(Matrix weight, long to) {
        long at = to;
        for (int first = 0; first < weight.columns(); first += BackwardCode.panelColumns()) {
            int count = Math.min(BackwardCode.panelColumns(), weight.columns() - first);
            if (weight.type() == DataType.FLOAT32) {
                at = copyColumns(weight, first, count, at);
            } else {
                at = pairColumns(weight, first, count, at);
            }
        }
    }

    private long copyColumns(Matrix weight, int first, int count, long to) {
        long row = BackwardCode.panelRow(count);
        for (int n = 0; n < weight.rows(); n++) {
            long at = to + n * row;
            MemorySegment.copy(memory, weight.at(n, first), memory, at, 4L * count);
            memory.asSlice(at + 4L * count, row - 4L * count).fill((byte) 0);
        }
        return to + weight.rows() * row;
    }

    private long pairColumns(Matrix weight, int first, int count, long to) {
        long row = BackwardCode.panelRow(count);
        long at = to;
        for (int n = 0; n < weight.rows(); n += 2) {
            for (int k = 0; k < count; k++) {
                int c = first + k;
                memory.set(JAVA_INT, at + 4L * k, pair(weight, n, c, n + 1, c));
            }
            memory.asSlice(at + 4L * count, row - 4L * count).fill((byte) 0);
            at += row;
        }
        return at;
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
