package org.densenet4j.backend.cpu;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.AddKernel;
import org.densenet4j.backend.cpu.jit.ColumnPanelKernel;
import org.densenet4j.backend.cpu.jit.RowPanelKernel;
import org.densenet4j.backend.cpu.jit.Storage;
import org.densenet4j.backend.cpu.jit.TilePanels;
import org.densenet4j.backend.cpu.jit.Words;

/**
 * Packs what products of tiles take on their right side as {@link TilePanels}: rows of a matrix
 * that become columns, or columns as they are.
 */
final class TilePacking implements AutoCloseable {
    private static final Words WORDS = Words.BFLOAT16_PAIRS;
    private static final Storage STORAGE = Storage.BFLOAT16;

    private final CpuArena arena;
    private final long base;
    private final KernelCache<RowPanelKernel.Form, RowPanelKernel> rowPanels;
    private final KernelCache<ColumnPanelKernel.Form, ColumnPanelKernel> columnPanels;
    private final KernelCache<AddKernel.Form, AddKernel> additions;

    TilePacking(CpuArena arena, InstructionSet set) {
        this.arena = arena;
        this.base = arena.memory().address();
        this.rowPanels = new KernelCache<>(set, RowPanelKernel::new);
        this.columnPanels = new KernelCache<>(set, ColumnPanelKernel::new);
        this.additions = new KernelCache<>(set, AddKernel::new);
    }

    /** Bytes of the larger of the two layouts. */
    static long bytes(PointwiseShape s) {
        return Math.max(
                new TilePanels(s.inputChannels(), s.outputChannels()).bytes(),
                new TilePanels(s.outputChannels(), s.inputChannels()).bytes());
    }

    /**
     * Panels of Wᵀ, rows of W becoming columns.
     *
     * @param to offset of the first
     */
    void intoRowPanels(Matrix weight, long to) {
        TilePanels panels = new TilePanels(weight.columns(), weight.rows());
        for (int p = 0; p < panels.count(); p++) {
            int first = panels.firstColumn(p);
            long panel = to + panels.offset(p);
            rowPanels
                    .of(
                            new RowPanelKernel.Form(
                                    STORAGE,
                                    WORDS,
                                    panels.columns(p),
                                    weight.columns(),
                                    weight.rowBytes()))
                    .run(base + weight.at(first, 0), base + panel);
            fill(panels, panel);
        }
    }

    /**
     * Panels of W, of some columns each.
     *
     * @param to offset of the first
     */
    void intoColumnPanels(Matrix weight, long to) {
        TilePanels panels = new TilePanels(weight.rows(), weight.columns());
        for (int p = 0; p < panels.count(); p++) {
            int first = panels.firstColumn(p);
            long panel = to + panels.offset(p);
            columnPanels
                    .of(
                            new ColumnPanelKernel.Form(
                                    STORAGE,
                                    WORDS,
                                    weight.rows(),
                                    panels.columns(p),
                                    weight.rowBytes()))
                    .run(base + weight.at(0, first), base + panel);
            fill(panels, panel);
        }
    }

    /**
     * Rows of float32 as columns.
     *
     * @param rows [n, k]
     * @param to offset of [k, n], of which a row has whole vectors
     * @return the same
     */
    Matrix transposed(Matrix rows, long to) {
        rowPanels
                .of(
                        new RowPanelKernel.Form(
                                Storage.FLOAT32,
                                Words.FLOATS,
                                rows.rows(),
                                rows.columns(),
                                rows.rowBytes()))
                .run(base + rows.offset(), base + to);
        int stride = transposedStride(rows.rows());
        return new Matrix(to, rows.columns(), rows.rows(), stride, rows.type());
    }

    /**
     * Adds rows of float32, as columns, to a matrix.
     *
     * @param rows [n, k]
     * @param scratch offset of [k, n], of which a row has whole vectors
     * @param sum [k, n]
     */
    void addTransposed(Matrix rows, long scratch, Matrix sum) {
        Matrix columns = transposed(rows, scratch);
        additions
                .of(
                        new AddKernel.Form(
                                Storage.FLOAT32,
                                sum.rows(),
                                sum.columns(),
                                columns.rowBytes(),
                                sum.rowBytes()))
                .run(base + columns.offset(), base + sum.offset());
    }

    /** Bytes of the scratch of {@link #addTransposed}. */
    static long transposedBytes(int n, int k) {
        return 4L * k * transposedStride(n);
    }

    private static int transposedStride(int n) {
        int floats = InstructionSet.AVX512_BF16.floats();
        return Math.ceilDiv(n, floats) * floats;
    }

    /** Zeros behind the pairs of a panel. */
    private void fill(TilePanels panels, long panel) {
        arena.memory()
                .asSlice(panel + panels.filledBytes(), panels.panelBytes() - panels.filledBytes())
                .fill((byte) 0);
    }

    @Override
    public void close() {
        rowPanels.close();
        columnPanels.close();
        additions.close();
    }
}
