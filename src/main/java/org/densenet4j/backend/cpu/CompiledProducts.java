package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.MatrixProductKernel;
import org.densenet4j.backend.cpu.jit.Panels;
import org.densenet4j.backend.cpu.jit.RowPanelKernel;
import org.densenet4j.backend.cpu.jit.Storage;
import org.densenet4j.backend.cpu.jit.Words;

/**
 * Products of float32 matrices in machine code of the engine's own. A long sum is cut into parts,
 * so that what is read of B for some columns stays in the second-level cache while all rows of A go
 * by. A transposed B becomes panels of some columns and a part of the sum, one at a time.
 */
final class CompiledProducts implements AutoCloseable {
    /** Terms of a part of a sum. */
    private static final int PART = 512;

    /** The same where A is transposed, each of whose terms lies on another page of memory. */
    private static final int PART_OF_TRANSPOSED = 256;

    /** Rows of A from which on panels of a transposed B are worth making. */
    private static final int LEAST_ROWS = 32;

    private final InstructionSet set;
    private final CpuArena arena;
    private final long base;
    private final Arguments[] arguments;
    private final KernelCache<MatrixProductKernel.Form, MatrixProductKernel> products;
    private final KernelCache<RowPanelKernel.Form, RowPanelKernel> panels;

    CompiledProducts(CpuArena arena, Target target) {
        this.set = target.set();
        this.arena = arena;
        this.base = arena.memory().address();
        this.arguments = arena.arguments(MatrixProductKernel.Argument.class);
        this.products = new KernelCache<>(set, MatrixProductKernel::new);
        this.panels = new KernelCache<>(set, RowPanelKernel::new);
    }

    /** Whether such a product is one of these on such a host. */
    static boolean has(Host host, GemmShape s) {
        return host.target().isPresent()
                && s.operands() == DataType.FLOAT32
                && s.result() == DataType.FLOAT32
                && (!s.transposeB() || !s.transposeA() && s.m() >= LEAST_ROWS);
    }

    /** Bytes of a lane's scratch: those of the largest panel. */
    static long scratchBytes(Host host, GemmShape s) {
        if (!s.transposeB()) {
            return 0;
        }
        Panels panels = new Panels(host.target().orElseThrow().set(), s.n());
        return (long) Math.min(s.k(), PART) * panels.columns(0) * Float.BYTES;
    }

    /** {@code c = op(a)·op(b)} or {@code c += …}; see {@link CpuArena#multiply}. */
    void multiply(int lane, GemmShape s, Matrix a, Matrix b, Matrix c) {
        int terms = terms(s.k(), s.transposeA() ? PART_OF_TRANSPOSED : PART);
        for (int first = 0; first < s.k(); first += terms) {
            int count = Math.min(terms, s.k() - first);
            long left = base + (s.transposeA() ? a.at(first, 0) : a.at(0, first));
            boolean add = s.accumulate() || first > 0;
            if (s.transposeB()) {
                multiplyByPanels(lane, s, left, b.columns(first, count), c, add);
            } else {
                long right = base + b.at(first, 0);
                MatrixProductKernel.Form form = form(s, count, s.n(), b.rowBytes(), add);
                run(lane, form, left, right, base + c.offset());
            }
        }
    }

    private void multiplyByPanels(
            int lane, GemmShape s, long left, Matrix b, Matrix c, boolean add) {
        long panel = base + arena.scratchOffset(lane);
        Panels cut = new Panels(set, s.n());
        for (int p = 0; p < cut.count(); p++) {
            makePanel(cut, p, b, panel);
            multiplyByPanel(lane, s, left, cut, p, b.columns(), panel, c, add);
        }
    }

    /** {@code c (+)= a·panel}, for the panel's columns of C and so many terms of each sum. */
    private void multiplyByPanel(
            int lane,
            GemmShape s,
            long left,
            Panels cut,
            int p,
            int terms,
            long panel,
            Matrix c,
            boolean add) {
        int first = cut.firstColumn(p);
        int columns = Math.min(cut.columns(p), s.n() - first);
        long row = (long) cut.columns(p) * Float.BYTES;
        run(lane, form(s, terms, columns, row, add), left, panel, base + c.at(0, first));
    }

    private void makePanel(Panels cut, int p, Matrix b, long panel) {
        int first = cut.firstColumn(p);
        int columns = Math.min(cut.columns(p), b.rows() - first);
        panels.of(
                        new RowPanelKernel.Form(
                                Storage.FLOAT32, Words.FLOATS, columns, b.columns(), b.rowBytes()))
                .run(base + b.at(first, 0), panel);
    }

    // ---------------------------------------------------------------- a B that is packed once

    /** Makes a panel of op(B) {@code [k, n]}, which {@code cut} cuts, for all parts of the sums. */
    void pack(Panels cut, int panel, Matrix b, boolean transpose, long packed) {
        int k = transpose ? b.columns() : b.rows();
        int n = transpose ? b.rows() : b.columns();
        int terms = terms(k, PART);
        for (int first = 0; first < k; first += terms) {
            int count = Math.min(terms, k - first);
            long to = packed + place(cut, panel, first, count);
            if (transpose) {
                makePanel(cut, panel, b.columns(first, count), base + to);
            } else {
                int from = cut.firstColumn(panel);
                int wide = cut.columns(panel);
                int columns = Math.min(wide, n - from);
                Matrix whole = Matrix.dense(to, count, wide);
                arena.kernels()
                        .copy(b.rows(first, count).columns(from, columns), whole.prefix(columns));
            }
        }
    }

    /** {@code c = a·op(b)} with an op(B) that is packed. */
    void multiplyByPacked(int lane, Matrix a, Panels cut, long packed, Matrix c) {
        int k = a.columns();
        int n = c.columns();
        GemmShape s = new GemmShape(a.rows(), n, k, a.stride(), k, c.stride(), false, true, false);
        int terms = terms(k, PART);
        for (int first = 0; first < k; first += terms) {
            int count = Math.min(terms, k - first);
            long left = base + a.at(0, first);
            for (int p = 0; p < cut.count(); p++) {
                long panel = base + packed + place(cut, p, first, count);
                multiplyByPanel(lane, s, left, cut, p, count, panel, c, first > 0);
            }
        }
    }

    /** Where a panel begins: those of a part of the sums lie behind those of the part before. */
    private static long place(Panels cut, int panel, int firstTerm, int terms) {
        return Float.BYTES * (cut.floats(firstTerm) + (long) cut.firstColumn(panel) * terms);
    }

    /** Terms of all parts of a sum but possibly the last. */
    private static int terms(int k, int most) {
        return Math.ceilDiv(k, Math.ceilDiv(k, most));
    }

    private static MatrixProductKernel.Form form(
            GemmShape s, int terms, int columns, long bRow, boolean add) {
        long aRow = (long) s.lda() * Float.BYTES;
        return new MatrixProductKernel.Form(
                Words.FLOATS,
                1,
                s.m(),
                terms,
                columns,
                s.transposeA() ? Float.BYTES : aRow,
                s.transposeA() ? aRow : Float.BYTES,
                bRow,
                (long) s.ldc() * Float.BYTES,
                0,
                0,
                0,
                add);
    }

    private void run(int lane, MatrixProductKernel.Form form, long a, long b, long c) {
        products.of(form)
                .run(
                        arguments[lane]
                                .set(MatrixProductKernel.Argument.A, a)
                                .set(MatrixProductKernel.Argument.B, b)
                                .set(MatrixProductKernel.Argument.C, c));
    }

    @Override
    public void close() {
        products.close();
        panels.close();
    }
}
