package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R14;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBP;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * A batch of matrix products {@code C[e] = A[e]·B[e]}, or added: a {@link SumBlock} at a time, all
 * rows of some vectors of columns and then the next ones, so that what is read of B again stays in
 * the cache. A product is summed before it is added, so that two that are added one after the other
 * give the bits of the two added by somebody else.
 */
public final class MatrixProductKernel extends Kernel {
    private static final int UNROLLED = 8;

    /** Bytes of a matrix that is fetched ahead: as many as a second-level cache may have. */
    private static final int FAR = 1 << 20;

    /** Addresses of the first matrices. */
    public enum Argument {
        A,
        B,
        C
    }

    private final Form form;
    private Tail tail;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param words of A and B
     * @param batch number of products
     * @param rows of A and C
     * @param inner columns of A, rows of B, in words
     * @param columns of B and C
     * @param aRow from row to row of A
     * @param aColumn from column to column of A
     * @param bRow from row to row of B
     * @param cRow from row to row of C
     * @param aMatrix from one A to the next
     * @param bMatrix from one B to the next
     * @param cMatrix from one C to the next
     * @param accumulate whether products are added to C
     */
    public record Form(
            Words words,
            int batch,
            int rows,
            int inner,
            int columns,
            long aRow,
            long aColumn,
            long bRow,
            long cRow,
            long aMatrix,
            long bMatrix,
            long cMatrix,
            boolean accumulate) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public MatrixProductKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /** Runs. */
    public void run(Arguments arguments) {
        call(arguments);
    }

    private void whole() {
        tail = a.tail(form.columns);
        a.repeat(
                form.batch,
                R12,
                () -> {
                    a.load(R8, argument(Argument.B));
                    a.load(R9, argument(Argument.C));
                    panels();
                    Loops.advance(a, Argument.A, form.aMatrix);
                    Loops.advance(a, Argument.B, form.bMatrix);
                    Loops.advance(a, Argument.C, form.cMatrix);
                });
    }

    private void panels() {
        int vectors = set.vectors(form.columns);
        int width = Panels.width(set, vectors);
        int last = tail.isWhole() ? 0 : vectors - (Math.ceilDiv(vectors, width) - 1) * width;
        Loops.inBlocks(a, vectors - last, width, R13, count -> panel(count, Tail.WHOLE));
        if (last > 0) {
            panel(last, tail);
        }
    }

    /** Some vectors of columns, the last of them a tail. */
    private void panel(int vectors, Tail end) {
        int blockRows = Loops.evenBlock(form.rows, SumBlock.most(set) / vectors);
        int blocks = form.rows / blockRows;
        int fetching = Math.min(blocks, UNROLLED);
        int fetched = isFar(form.inner) ? Math.ceilDiv(UNROLLED, fetching) : 0;
        SumBlock block = new SumBlock(blockRows, vectors);
        a.load(R10, argument(Argument.A));
        a.copy(R11, R9);
        a.addressOf(R15, R8.at((long) vectors * set.vectorBytes()));
        a.repeat(fetching, R14, () -> block(block, end, fetched));
        a.repeat(blocks - fetching, R14, () -> block(block, end, 0));
        if (form.rows % blockRows > 0) {
            block(new SumBlock(form.rows % blockRows, vectors), end, 0);
        }
        a.add(R8, (long) vectors * set.vectorBytes());
        a.add(R9, (long) vectors * set.vectorBytes());
    }

    /** Whether so many rows of B or C do not stay in the second-level cache. */
    private boolean isFar(int rows) {
        return (long) rows * form.columns * Float.BYTES > FAR;
    }

    /**
     * A block of the product.
     *
     * @param fetched rows of the next panel of B that are brought into the second-level cache in
     *     each round of the loop, so that by the time the panel is read it is there
     */
    private void block(SumBlock block, Tail end, int fetched) {
        Vector there = v(SumBlock.firstFree(set));
        for (int r = 0; r < block.rows() && form.accumulate && isFar(form.rows); r++) {
            for (int i = 0; i < block.vectors(); i++) {
                a.prefetchForWriting(R11.at(r * form.cRow + (long) i * set.vectorBytes()));
            }
        }
        block.zero(a);
        a.copy(RAX, R10);
        a.copy(RBX, R8);
        Loops.inBlocks(
                a,
                form.inner,
                UNROLLED,
                RBP,
                count -> {
                    for (int i = 0; i < fetched; i++) {
                        for (int line = 0; line < block.vectors(); line++) {
                            long at = i * form.bRow + (long) line * set.vectorBytes();
                            a.prefetchSecondLevel(R15.at(at));
                        }
                    }
                    a.add(R15, fetched * form.bRow);
                    for (int i = 0; i < count; i++) {
                        block.addProducts(
                                a,
                                form.words,
                                RAX.at(i * form.aColumn),
                                form.aRow,
                                RBX.at(i * form.bRow),
                                end);
                    }
                    a.add(RAX, count * form.aColumn);
                    a.add(RBX, count * form.bRow);
                });
        for (int r = 0; r < block.rows(); r++) {
            for (int i = 0; i < block.vectors(); i++) {
                Address to = R11.at(r * form.cRow + (long) i * set.vectorBytes());
                Tail some = block.tail(i, end);
                if (form.accumulate) {
                    a.load(there, to, some);
                    a.add(block.sum(r, i), there, block.sum(r, i));
                }
                a.store(block.sum(r, i), to, some);
            }
        }
        a.add(R10, block.rows() * form.aRow);
        a.add(R11, block.rows() * form.cRow);
    }
}
