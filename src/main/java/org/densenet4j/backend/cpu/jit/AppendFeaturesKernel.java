package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * Mean and sum of squared deviations of every column, and a copy into a wider matrix if wanted:
 *
 * <pre>
 * d = x − x[0]                    so that a large mean does not cancel the variance
 * mean = x[0] + Σ d / rows
 * squares = max(0, Σ d² − (Σ d)² / rows)
 *
 * x [rows, N] strided      copy [rows, N] strided      mean, squares [2, N]
 * </pre>
 *
 * In one pass over a chunk that is in the cache, with the sums of a few vectors of columns in
 * registers. Where a layer's new features are appended, each row of the copy is one or two cache
 * lines far from the last ones; they are fetched {@value #AHEAD} rows ahead.
 */
public final class AppendFeaturesKernel extends Kernel {
    private static final int AHEAD = 24;
    private static final int ROWS = 4;

    private static final int FIRST = 0;
    private static final int SUM = 1;
    private static final int SQUARES = 2;
    private static final int PER_VECTOR = 3;

    private final Form form;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param storage of x and the copy
     * @param columns N
     * @param xRow from row to row of x
     * @param copies whether there is a copy
     * @param copyRow from row to row of the copy
     * @param sumsRow from means to squares
     */
    public record Form(
            Storage storage,
            int rows,
            int columns,
            long xRow,
            boolean copies,
            long copyRow,
            long sumsRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public AppendFeaturesKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs; all are addresses.
     *
     * @param copy not used where there is none
     * @param statistics overwritten
     * @throws IllegalStateException when closed
     */
    public void run(long x, long copy, long statistics) {
        call(x, copy, statistics, 0, 0);
    }

    private void whole() {
        // As many vectors as have their sums in registers.
        int most = SumBlock.most(set) / PER_VECTOR;
        ColumnBlock.forEach(a, form.storage, form.columns, most, this::block);
    }

    private void block(ColumnBlock block) {
        a.addressOf(R9, RDI.at(block.start()));
        a.addressOf(R10, RSI.at(block.start()));
        for (int v = 0; v < block.count(); v++) {
            form.storage.load(a, kept(v, FIRST), R9.at(block.at(v)), block.tail(v));
            a.zero(kept(v, SUM));
            a.zero(kept(v, SQUARES));
        }
        Loops.inBlocks(
                a,
                form.rows,
                ROWS,
                R12,
                rows -> {
                    for (int r = 0; r < rows; r++) {
                        if (form.copies) {
                            long ahead = (r + AHEAD) * form.copyRow;
                            block.forEachLine(at -> a.prefetchForWriting(R10.at(ahead + at)));
                        }
                        for (int v = 0; v < block.count(); v++) {
                            vector(block, r, v);
                        }
                    }
                    a.add(R9, rows * form.xRow);
                    a.add(R10, rows * form.copyRow);
                });
        for (int v = 0; v < block.count(); v++) {
            finish(block, v);
        }
    }

    private void vector(ColumnBlock block, int row, int v) {
        Vector x = v(SumBlock.firstFree(set));
        Vector d = v(SumBlock.firstFree(set) + 1);
        Tail some = block.tail(v);
        long column = block.at(v);
        form.storage.load(a, x, R9.at(row * form.xRow + column), some);
        a.subtract(d, x, kept(v, FIRST));
        a.add(kept(v, SUM), kept(v, SUM), d);
        a.addProduct(kept(v, SQUARES), d, d);
        if (form.copies) {
            form.storage.store(a, x, R10.at(row * form.copyRow + column), some);
        }
    }

    private void finish(ColumnBlock block, int v) {
        Vector mean = v(SumBlock.firstFree(set));
        Vector inverse = v(SumBlock.firstFree(set) + 1);
        Vector zero = v(SumBlock.firstFree(set) + 2);
        Tail some = block.tail(v);
        long at = block.floats(v);
        a.everywhere(inverse, 1f / form.rows);
        a.zero(zero);
        a.multiply(mean, kept(v, SUM), inverse);
        a.subtractProduct(kept(v, SQUARES), kept(v, SUM), mean);
        a.maximum(kept(v, SQUARES), zero, kept(v, SQUARES));
        a.add(mean, mean, kept(v, FIRST));
        a.store(mean, RDX.at(at), some);
        a.store(kept(v, SQUARES), RDX.at(form.sumsRow + at), some);
    }

    /** What is kept of a vector of channels all along. */
    private static Vector kept(int v, int i) {
        return v(PER_VECTOR * v + i);
    }
}
