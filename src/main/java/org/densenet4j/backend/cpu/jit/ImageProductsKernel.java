package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * Products of two matrices, summed over the pixels of each image: {@code sums[i, c] = Σ x·y}.
 *
 * <pre>
 * x, y [images·pixels, C] strided      sums [images, C]
 * </pre>
 *
 * With the sums of some vectors of columns in registers.
 */
public final class ImageProductsKernel extends Kernel {
    private static final int ROWS = 4;

    private final Form form;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param columns C
     * @param xRow from pixel to pixel of x
     * @param yRow from pixel to pixel of y
     * @param sumsRow from image to image
     */
    public record Form(
            Storage storage,
            int images,
            int pixels,
            int columns,
            long xRow,
            long yRow,
            long sumsRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public ImageProductsKernel(InstructionSet set, Form form) {
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
    public void run(long x, long y, long sums) {
        call(x, y, sums, 0, 0);
    }

    private void whole() {
        ColumnBlock.forEach(a, form.storage, form.columns, SumBlock.most(set), this::block);
    }

    private void block(ColumnBlock block) {
        a.addressOf(R9, RDI.at(block.start()));
        a.addressOf(R10, RSI.at(block.start()));
        a.copy(R11, RDX);
        a.repeat(
                form.images,
                R13,
                () -> {
                    for (int i = 0; i < block.count(); i++) {
                        a.zero(v(i));
                    }
                    Loops.inBlocks(a, form.pixels, ROWS, R12, rows -> rows(block, rows));
                    for (int i = 0; i < block.count(); i++) {
                        a.store(v(i), R11.at(block.floats(i)), block.tail(i));
                    }
                    a.add(R11, form.sumsRow);
                });
    }

    private void rows(ColumnBlock block, int rows) {
        Vector x = v(SumBlock.firstFree(set));
        Vector y = v(SumBlock.firstFree(set) + 1);
        for (int r = 0; r < rows; r++) {
            for (int i = 0; i < block.count(); i++) {
                Tail some = block.tail(i);
                form.storage.load(a, x, R9.at(r * form.xRow + block.at(i)), some);
                form.storage.load(a, y, R10.at(r * form.yRow + block.at(i)), some);
                a.addProduct(v(i), x, y);
            }
        }
        a.add(R9, rows * form.xRow);
        a.add(R10, rows * form.yRow);
    }
}
