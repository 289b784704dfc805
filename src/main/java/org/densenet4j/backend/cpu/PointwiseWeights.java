package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.code.BackwardCode;
import org.densenet4j.backend.cpu.code.ColumnPanelCode;
import org.densenet4j.backend.cpu.code.ForwardCode;
import org.densenet4j.backend.cpu.code.Panels;
import org.densenet4j.backend.cpu.code.RowPanelCode;
import org.densenet4j.backend.cpu.code.Storage;

/**
 * The weights W [N, K] of a pointwise convolution in the layouts that its machine code reads, in
 * words of {@link Storage}: panels of Wᵀ forward, panels of W backward.
 */
final class PointwiseWeights implements AutoCloseable {
    private final Storage storage;
    private final long base;
    private final CompiledCodes<RowPanelCode.Form, RowPanelCode> rowPanels =
            new CompiledCodes<>(RowPanelCode::new, RowPanelCode::close);
    private final CompiledCodes<ColumnPanelCode.Form, ColumnPanelCode> columnPanels =
            new CompiledCodes<>(ColumnPanelCode::new, ColumnPanelCode::close);

    PointwiseWeights(CpuArena arena, Storage storage) {
        this.storage = storage;
        this.base = arena.memory().address();
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
    void intoRowPanels(Matrix weight, Matrix to) {
        Panels panels = new Panels(weight.rows());
        long words = storage.words(weight.columns());
        for (int p = 0; p < panels.count(); p++) {
            int first = panels.firstColumn(p);
            int rows = Math.min(panels.columns(p), weight.rows() - first);
            rowPanels
                    .of(new RowPanelCode.Form(storage, rows, weight.columns(), weight.rowBytes()))
                    .run(base + weight.at(first, 0), base + to.offset() + 4 * words * first);
        }
    }

    /** Panels of W, of some columns each; see {@link BackwardCode}. */
    void intoColumnPanels(Matrix weight, Matrix to) {
        long words = storage.words(weight.rows());
        long panel = base + to.offset();
        int first = 0;
        for (int columns : BackwardCode.panelColumns(weight.columns())) {
            columnPanels
                    .of(
                            new ColumnPanelCode.Form(
                                    storage, weight.rows(), columns, weight.rowBytes()))
                    .run(base + weight.at(0, first), panel);
            first += columns;
            panel += words * BackwardCode.panelRow(columns);
        }
    }

    @Override
    public void close() {
        rowPanels.close();
        columnPanels.close();
    }
}
