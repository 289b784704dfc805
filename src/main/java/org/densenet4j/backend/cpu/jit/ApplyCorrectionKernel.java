package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * The gradient behind a batch normalisation whose sums are finished, {@code out = a·g + b + c·(x −
 * mean)} per channel, for a few columns of wide matrices:
 *
 * <pre>
 * g, x [rows, N] strided      a, b, c [3, N]      mean [N]      out [rows, N]
 * </pre>
 *
 * A new layer's gradient is some ten columns of matrices with hundreds. Every row is one or two
 * cache lines of each, far from the last ones; they are fetched {@value #AHEAD} rows ahead. Moves
 * these lines once and does next to nothing with them.
 */
public final class ApplyCorrectionKernel extends Kernel {
    private static final int AHEAD = 24;
    private static final int ROWS = 4;

    /** Registers that a vector of columns keeps. */
    private static final int PER_VECTOR = 4;

    private final Form form;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param storage of g, x and out
     * @param columns N
     * @param gradientRow from row to row of g
     * @param xRow from row to row of x
     * @param constantsRow from a to b, and from b to c
     * @param outRow from row to row of out
     */
    public record Form(
            Storage storage,
            int rows,
            int columns,
            long gradientRow,
            long xRow,
            long constantsRow,
            long outRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public ApplyCorrectionKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs; all are addresses.
     *
     * @throws IllegalStateException when closed
     */
    public void run(long gradient, long x, long constants, long mean, long out) {
        call(gradient, x, constants, mean, out);
    }

    private void whole() {
        int most = SumBlock.most(set) / PER_VECTOR;
        ColumnBlock.forEach(a, form.storage, form.columns, most, this::block);
    }

    private void block(ColumnBlock block) {
        for (int v = 0; v < block.count(); v++) {
            Tail some = block.tail(v);
            BatchNormGradient constants = gradient(v);
            Address at = RDX.at(block.floats(v));
            a.load(constants.factor(), at, some);
            a.load(constants.constant(), at.plus(form.constantsRow), some);
            a.load(constants.slope(), at.plus(2 * form.constantsRow), some);
            a.load(constants.mean(), RCX.at(block.floats(v)), some);
        }
        a.addressOf(R9, RDI.at(block.start()));
        a.addressOf(R10, RSI.at(block.start()));
        a.addressOf(R11, R8.at(block.start()));
        Loops.inBlocks(
                a,
                form.rows,
                ROWS,
                R12,
                rows -> {
                    for (int r = 0; r < rows; r++) {
                        long ahead = r + AHEAD;
                        block.forEachLine(at -> a.prefetch(R9.at(ahead * form.gradientRow + at)));
                        block.forEachLine(at -> a.prefetch(R10.at(ahead * form.xRow + at)));
                        for (int v = 0; v < block.count(); v++) {
                            vector(block, r, v);
                        }
                    }
                    a.add(R9, rows * form.gradientRow);
                    a.add(R10, rows * form.xRow);
                    a.add(R11, rows * form.outRow);
                });
    }

    private void vector(ColumnBlock block, int row, int v) {
        Vector x = v(SumBlock.firstFree(set));
        Vector g = v(SumBlock.firstFree(set) + 1);
        Tail some = block.tail(v);
        long column = block.at(v);
        form.storage.load(a, x, R10.at(row * form.xRow + column), some);
        form.storage.load(a, g, R9.at(row * form.gradientRow + column), some);
        gradient(v).emit(a, x, g);
        form.storage.store(a, x, R11.at(row * form.outRow + column), some);
    }

    /** a, b, c and the mean of a vector of channels. */
    private static BatchNormGradient gradient(int v) {
        return BatchNormGradient.from(PER_VECTOR * v);
    }
}
