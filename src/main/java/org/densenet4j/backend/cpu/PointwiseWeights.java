package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.ColumnPanelKernel;
import org.densenet4j.backend.cpu.jit.Panels;
import org.densenet4j.backend.cpu.jit.PointwiseBackwardKernel;
import org.densenet4j.backend.cpu.jit.PointwiseForwardKernel;
import org.densenet4j.backend.cpu.jit.RowPanelKernel;
import org.densenet4j.backend.cpu.jit.Storage;
import org.densenet4j.backend.cpu.jit.Words;

/**
 * The weights W [N, K] of a pointwise convolution in the layouts that its machine code reads, in
 * {@link Words}: panels of Wᵀ forward, panels of W backward.
 */
final class PointwiseWeights implements AutoCloseable {
    private final InstructionSet set;
    private final Storage storage;
    private final Words words;
    private final long base;
    private final KernelCache<RowPanelKernel.Form, RowPanelKernel> rowPanels;
    private final KernelCache<ColumnPanelKernel.Form, ColumnPanelKernel> columnPanels;

    PointwiseWeights(CpuArena arena, Target target, DataType type) {
        this.set = target.set();
        this.storage = Target.storage(type);
        this.words = target.words(type);
        this.base = arena.memory().address();
        this.rowPanels = new KernelCache<>(set, RowPanelKernel::new);
        this.columnPanels = new KernelCache<>(set, ColumnPanelKernel::new);
    }

    /** Bytes of the larger of the two layouts. */
    static long bytes(Target target, PointwiseShape s) {
        InstructionSet set = target.set();
        Words words = target.words(s.type());
        int inputs = s.inputChannels();
        int outputs = s.outputChannels();
        long forward = new Panels(set, outputs).floats(words.words(inputs));
        return 4
                * Math.max(
                        forward, PointwiseBackwardKernel.panelFloats(set, words, inputs, outputs));
    }

    /** Panels of Wᵀ, rows of W becoming columns; see {@link PointwiseForwardKernel}. */
    void intoRowPanels(Matrix weight, Matrix to) {
        Panels panels = new Panels(set, weight.rows());
        long panelWords = words.words(weight.columns());
        for (int p = 0; p < panels.count(); p++) {
            int first = panels.firstColumn(p);
            int rows = Math.min(panels.columns(p), weight.rows() - first);
            rowPanels
                    .of(
                            new RowPanelKernel.Form(
                                    storage, words, rows, weight.columns(), weight.rowBytes()))
                    .run(base + weight.at(first, 0), base + to.offset() + 4 * panelWords * first);
        }
    }

    /** Panels of W, of some columns each; see {@link PointwiseBackwardKernel}. */
    void intoColumnPanels(Matrix weight, Matrix to) {
        long panelWords = words.words(weight.rows());
        long panel = base + to.offset();
        int first = 0;
        for (int columns : PointwiseBackwardKernel.panelColumns(set, weight.columns())) {
            columnPanels
                    .of(
                            new ColumnPanelKernel.Form(
                                    storage, words, weight.rows(), columns, weight.rowBytes()))
                    .run(base + weight.at(0, first), panel);
            first += columns;
            panel += panelWords * PointwiseBackwardKernel.panelRow(set, columns);
        }
    }

    @Override
    public void close() {
        rowPanels.close();
        columnPanels.close();
    }
}
