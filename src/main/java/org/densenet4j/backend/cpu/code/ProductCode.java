package org.densenet4j.backend.cpu.code;

import static org.densenet4j.backend.cpu.code.Register.R10;
import static org.densenet4j.backend.cpu.code.Register.R11;
import static org.densenet4j.backend.cpu.code.Register.R12;
import static org.densenet4j.backend.cpu.code.Register.R13;
import static org.densenet4j.backend.cpu.code.Register.R14;
import static org.densenet4j.backend.cpu.code.Register.R8;
import static org.densenet4j.backend.cpu.code.Register.R9;
import static org.densenet4j.backend.cpu.code.Register.RAX;
import static org.densenet4j.backend.cpu.code.Register.RBP;
import static org.densenet4j.backend.cpu.code.Register.RBX;
import static org.densenet4j.backend.cpu.code.Register.RDI;
import static org.densenet4j.backend.cpu.code.Zmm.zmm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/**
 * A batch of small matrix products {@code C[e] = A[e]·B[e]}, or added, with right sides and results
 * whose rows are whole vectors: 24 sums in registers at a time.
 */
public final class ProductCode implements AutoCloseable {
    private static final int A = 0;
    private static final int B = 8;
    private static final int C = 16;

    /** Bytes of arguments. */
    public static final int ARGUMENTS = 24;

    private static final int SUMS = 24;
    private static final int UNROLLED = 8;

    private final Assembler a = new Assembler();
    private final Form form;
    private final NativeCode code;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param storage of A and B; a word of bfloat16 is two neighbours along the inner dimension
     * @param batch number of products
     * @param rows of A and C
     * @param inner columns of A, rows of B, in words
     * @param vectors of a row of B and C
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
            Storage storage,
            int batch,
            int rows,
            int inner,
            int vectors,
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
    public ProductCode(Form form) {
        this.form = form;
        this.code = new NativeCode(whole());
    }

    /** Runs; all are addresses. */
    public void run(MemorySegment arguments, long left, long right, long result) {
        arguments.set(JAVA_LONG, A, left);
        arguments.set(JAVA_LONG, B, right);
        arguments.set(JAVA_LONG, C, result);
        code.call(arguments);
    }

    @Override
    public void close() {
        code.close();
    }

    private byte[] whole() {
        a.enter();
        a.repeat(
                form.batch,
                R12,
                () -> {
                    a.load(R8, RDI.at(B));
                    a.load(R9, RDI.at(C));
                    RowPasses.inBlocks(
                            a, form.vectors, Panels.width(form.vectors), R13, this::panel);
                    RowPasses.advance(a, A, form.aMatrix);
                    RowPasses.advance(a, B, form.bMatrix);
                    RowPasses.advance(a, C, form.cMatrix);
                });
        a.leave();
        return a.bytes();
    }

    private void panel(int vectors) {
        int blockRows = RowPasses.evenBlock(form.rows, SUMS / vectors);
        a.load(R10, RDI.at(A));
        a.copy(R11, R9);
        RowPasses.inBlocks(a, form.rows, blockRows, R14, rows -> block(rows, vectors));
        a.add(R8, vectors * Zmm.BYTES);
        a.add(R9, vectors * Zmm.BYTES);
    }

    private void block(int rows, int vectors) {
        for (int r = 0; r < rows; r++) {
            for (int v = 0; v < vectors; v++) {
                Zmm sum = zmm(r * vectors + v);
                if (form.accumulate) {
                    a.load(sum, R11.at(r * form.cRow + v * Zmm.BYTES));
                } else {
                    a.zero(sum);
                }
            }
        }
        a.copy(RAX, R10);
        a.copy(RBX, R8);
        RowPasses.inBlocks(
                a,
                form.inner,
                UNROLLED,
                RBP,
                count -> {
                    for (int i = 0; i < count; i++) {
                        RowPasses.step(
                                a,
                                form.storage,
                                rows,
                                vectors,
                                RAX.at(i * form.aColumn),
                                form.aRow,
                                RBX.at(i * form.bRow));
                    }
                    a.add(RAX, count * form.aColumn);
                    a.add(RBX, count * form.bRow);
                });
        for (int r = 0; r < rows; r++) {
            for (int v = 0; v < vectors; v++) {
                a.store(zmm(r * vectors + v), R11.at(r * form.cRow + v * Zmm.BYTES));
            }
        }
        a.add(R10, rows * form.aRow);
        a.add(R11, rows * form.cRow);
    }
}
