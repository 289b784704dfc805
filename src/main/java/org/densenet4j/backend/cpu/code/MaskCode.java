package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R10;
import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R8;
import static org.densenet4j.backend.cpu.code.Register.R9;
import static org.densenet4j.backend.cpu.code.Register.RCX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Register.RDX;
import static org.densenet4j.backend.cpu.code.Register.RSI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

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
 * In one pass over a chunk that is in the cache, with the sums of up to 64 columns in registers.
 * Moves g twice and x once.
 */
public final class MaskCode implements AutoCloseable {
    private static final int ROWS = 4;

    /** Vectors whose constants and sums fit into registers. */
    private static final int VECTORS = 4;

    private static final int SCALE = 0;
    private static final int SHIFT = 1;
    private static final int MEAN = 2;
    private static final int SUM = 3;
    private static final int PRODUCTS = 4;
    private static final int PER_VECTOR = 5;

    private final Assembler a = new Assembler();
    private final Form form;
    private final NativeCode code;

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
    public MaskCode(Form form) {
        this.form = form;
        this.code = new NativeCode(whole());
    }

    /**
     * Runs; all are addresses.
     *
     * @param sums overwritten
     * @throws IllegalStateException when closed
     */
    public void run(long gradient, long x, long affine, long mean, long sums) {
        code.call(gradient, x, affine, mean, sums);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole() {
        a.enter();
        a.zero(RowPasses.ZERO);
        ColumnBlock.forEach(a, form.storage, form.columns, VECTORS, this::block);
        a.leave();
        return a.bytes();
    }

    private void block(ColumnBlock block) {
        for (int v = 0; v < block.count(); v++) {
            Mask mask = block.mask(v);
            a.load(kept(v, SCALE), RDX.at(block.floats(v)), mask);
            a.load(kept(v, SHIFT), RDX.at(form.affineRow + block.floats(v)), mask);
            a.load(kept(v, MEAN), RCX.at(block.floats(v)), mask);
            a.zero(kept(v, SUM));
            a.zero(kept(v, PRODUCTS));
        }
        a.addressOf(R9, RDI.at(block.start()));
        a.addressOf(R10, RSI.at(block.start()));
        RowPasses.inBlocks(
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
            a.store(kept(v, SUM), R8.at(at), block.mask(v));
            a.store(kept(v, PRODUCTS), R8.at(form.sumsRow + at), block.mask(v));
        }
    }

    private void vector(ColumnBlock block, int row, int v) {
        int scratch = 3 * (v % 3);
        Zmm x = zmm(scratch);
        Zmm g = zmm(scratch + 1);
        Zmm y = zmm(scratch + 2);
        Mask mask = block.mask(v);
        long column = block.at(v);
        form.storage.load(a, x, R10.at(row * form.xRow + column), mask);
        form.storage.load(a, g, R9.at(row * form.gradientRow + column), mask);
        a.copy(y, x);
        a.multiplyAdd(y, kept(v, SCALE), kept(v, SHIFT));
        a.less(Mask.K3, RowPasses.ZERO, y, mask);
        a.keep(g, Mask.K3);
        a.subtract(x, x, kept(v, MEAN));
        a.add(kept(v, SUM), kept(v, SUM), g);
        a.addProduct(kept(v, PRODUCTS), x, g);
        form.storage.store(a, g, R9.at(row * form.gradientRow + column), mask);
    }

    /** What is kept of a vector of channels all along. */
    private static Zmm kept(int v, int i) {
        return zmm(11 + PER_VECTOR * v + i);
    }
}
