package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * The gradient through a ReLU behind a batch normalisation, and the sums that the normalisation's
 * own gradient is made of:
 *
 * <pre>
 * g = 0 where x·scale + shift is not positive
 * sums = Σ g,  products = Σ g·(x − mean)
 *
 * g, x [rows, N] strided      scale, shift [2, N]      mean [N]      sums, products [2, N]
 * </pre>
 *
 * In one pass over a chunk that is in the cache, with the sums of a few vectors of columns in
 * registers. Moves g twice and x once.
 */
public final class MaskReluKernel extends Kernel {
    private static final int ROWS = 4;

    private static final int SCALE = 0;
    private static final int SHIFT = 1;
    private static final int MEAN = 2;
    private static final int SUM = 3;
    private static final int PRODUCTS = 4;
    private static final int PER_VECTOR = 5;

    private final Form form;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param storage of g and x
     * @param columns N
     * @param gradientRow from row to row of g
     * @param xRow from row to row of x
     * @param affineRow from scale to shift
     * @param sumsRow from sums to products
     */
    public record Form(
            Storage storage,
            int rows,
            int columns,
            long gradientRow,
            long xRow,
            long affineRow,
            long sumsRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public MaskReluKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs; all are addresses.
     *
     * @param sums overwritten
     * @throws IllegalStateException when closed
     */
    public void run(long gradient, long x, long affine, long mean, long sums) {
        call(gradient, x, affine, mean, sums);
    }

    private void whole() {
        a.zero(zero());
        int most = SumBlock.most(set) / PER_VECTOR;
        ColumnBlock.forEach(a, form.storage, form.columns, most, this::block);
    }

    private void block(ColumnBlock block) {
        for (int v = 0; v < block.count(); v++) {
            Tail some = block.tail(v);
            a.load(kept(v, SCALE), RDX.at(block.floats(v)), some);
            a.load(kept(v, SHIFT), RDX.at(form.affineRow + block.floats(v)), some);
            a.load(kept(v, MEAN), RCX.at(block.floats(v)), some);
            a.zero(kept(v, SUM));
            a.zero(kept(v, PRODUCTS));
        }
        a.addressOf(R9, RDI.at(block.start()));
        a.addressOf(R10, RSI.at(block.start()));
        Loops.inBlocks(
                a,
                form.rows,
                ROWS,
                R12,
                rows -> {
                    for (int r = 0; r < rows; r++) {
                        for (int v = 0; v < block.count(); v++) {
                            vector(block, r, v);
                        }
                    }
                    a.add(R9, rows * form.gradientRow);
                    a.add(R10, rows * form.xRow);
                });
        for (int v = 0; v < block.count(); v++) {
            long at = block.floats(v);
            a.store(kept(v, SUM), R8.at(at), block.tail(v));
            a.store(kept(v, PRODUCTS), R8.at(form.sumsRow + at), block.tail(v));
        }
    }

    private void vector(ColumnBlock block, int row, int v) {
        Vector x = v(SumBlock.firstFree(set));
        Vector g = v(SumBlock.firstFree(set) + 1);
        Vector y = v(SumBlock.firstFree(set) + 2);
        Tail some = block.tail(v);
        long column = block.at(v);
        form.storage.load(a, x, R10.at(row * form.xRow + column), some);
        form.storage.load(a, g, R9.at(row * form.gradientRow + column), some);
        a.copy(y, x);
        a.multiplyAdd(y, kept(v, SCALE), kept(v, SHIFT));
        a.keepWherePositive(g, y, zero());
        a.subtract(x, x, kept(v, MEAN));
        a.add(kept(v, SUM), kept(v, SUM), g);
        a.addProduct(kept(v, PRODUCTS), x, g);
        form.storage.store(a, g, R9.at(row * form.gradientRow + column), some);
    }

    /** What is kept of a vector of channels all along. */
    private static Vector kept(int v, int i) {
        return v(PER_VECTOR * v + i);
    }

    /** The last of those that are not enough for another vector of channels. */
    private Vector zero() {
        return v(SumBlock.most(set) - 1);
    }
}
