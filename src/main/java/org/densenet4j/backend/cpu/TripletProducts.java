package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedOperandMemory;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.TripletPanels;
import org.densenet4j.backend.cpu.jit.TripletProductKernel;
import org.densenet4j.backend.cpu.jit.TripletTilesKernel;
import org.densenet4j.backend.cpu.jit.TripletTilesKernel.Side;
import org.jspecify.annotations.Nullable;

/**
 * Products of float32 matrices by products of tiles of bfloat16 (AMX), six for each, to the
 * accuracy of float32; see {@link TripletPanels}. Some rows of op(A) and some columns of op(B) at a
 * time become panels for a part of the sum, all of which stay in the second-level cache.
 */
final class TripletProducts implements AutoCloseable {
    /** What they are called where people read it. */
    static final String TITLE = "machine code on tiles, three bfloat16 for a float32";

    /** Terms of a part of a sum. */
    private static final int PART = 256;

    /** Rows of op(A), and columns of op(B), that are panels at a time. */
    private static final int ROWS = 512;

    private static final int COLUMNS = 512;

    /** Terms of a sum from which on reading and writing C is little beside it. */
    private static final int LEAST_TERMS = 128;

    /**
     * Operands become panels in (m + n)·k steps, for which m·n·k products take less time: worth it
     * where there are so many times as many.
     */
    private static final long PRODUCTS_OF_A_STEP = 80;

    /** Rows for which packed panels of op(B) are worth reading, which are larger than B. */
    private static final int LEAST_ROWS = 32;

    private final CpuArena arena;
    private final long base;
    private final Arguments[] arguments;
    private final KernelCache<TripletProductKernel.Form, TripletProductKernel> products;
    private final KernelCache<TripletTilesKernel.Form, TripletTilesKernel> panels;

    TripletProducts(CpuArena arena, Target target) {
        this.arena = arena;
        this.base = arena.memory().address();
        this.arguments = arena.arguments(TripletProductKernel.Argument.class);
        this.products = new KernelCache<>(target.set(), TripletProductKernel::new);
        this.panels = new KernelCache<>(target.set(), TripletTilesKernel::new);
    }

    /** Whether such a product is one of these on such a host. */
    static boolean has(Host host, GemmShape s) {
        return s.operands() == DataType.FLOAT32
                && s.result() == DataType.FLOAT32
                && s.k() >= LEAST_TERMS
                && (long) s.m() * s.n() >= PRODUCTS_OF_A_STEP * (s.m() + s.n())
                && host.triplets();
    }

    /** Whether such a product is one of these where op(B) is packed already. */
    static boolean hasPacked(Host host, GemmShape s) {
        return s.operands() == DataType.FLOAT32
                && s.result() == DataType.FLOAT32
                && !s.transposeA()
                && s.m() >= LEAST_ROWS
                && isLarge(s.k(), s.n())
                && host.triplets();
    }

    /** Whether an op(B) that is packed already is worth splitting rows of A for. */
    static boolean isLarge(int terms, int columns) {
        return terms >= LEAST_TERMS && columns >= PRODUCTS_OF_A_STEP;
    }

    // ---------------------------------------------------------------- scratch

    /** What products need whose op(B) is packed already. */
    static PackedOperandMemory packedMemory(GemmShape s) {
        return new PackedOperandMemory(packedBytes(s.k(), s.n()), scratchBytes(s.m(), s.k()));
    }

    /** Bytes of a lane's scratch. */
    static long scratchBytes(GemmShape s) {
        return columnPanels(s.m(), s.k())
                + new TripletPanels(terms(s.k()), Math.min(s.n(), COLUMNS)).bytes();
    }

    /** Bytes of a lane's scratch for a product of so many rows and terms by packed panels. */
    static long scratchBytes(int rows, int terms) {
        return columnPanels(rows, terms);
    }

    /** Where columns' panels begin: behind those of so many rows at most. */
    private static long columnPanels(int rows, int terms) {
        return rowPanels() + new TripletPanels(terms(terms), Math.min(rows, ROWS)).bytes();
    }

    private static long rowPanels() {
        return Scratch.rounded(
                TripletProductKernel.scratchBytes() + TripletTilesKernel.scratchBytes());
    }

    /** Terms of all parts of a sum but possibly the last. */
    private static int terms(int k) {
        return Math.min(k, PART);
    }

    // ---------------------------------------------------------------- products

    /** {@code c = op(a)·op(b)} or {@code c += …}; see {@link CpuArena#multiply}. */
    void multiply(int lane, GemmShape s, Matrix a, Matrix b, Matrix c) {
        long scratch = arena.scratchOffset(lane);
        long left = scratch + rowPanels();
        long right = scratch + columnPanels(s.m(), s.k());
        for (int first = 0; first < s.n(); first += COLUMNS) {
            int columns = Math.min(COLUMNS, s.n() - first);
            for (int term = 0; term < s.k(); term += terms(s.k())) {
                int terms = Math.min(terms(s.k()), s.k() - term);
                boolean add = s.accumulate() || term > 0;
                Matrix ofB =
                        s.transposeB()
                                ? b.rows(first, columns).columns(term, terms)
                                : b.rows(term, terms).columns(first, columns);
                pack(lane, ofB, !s.transposeB(), Side.RIGHT, right);
                for (int row = 0; row < s.m(); row += ROWS) {
                    int rows = Math.min(ROWS, s.m() - row);
                    Matrix ofA =
                            s.transposeA()
                                    ? a.rows(term, terms).columns(row, rows)
                                    : a.rows(row, rows).columns(term, terms);
                    pack(lane, ofA, s.transposeA(), Side.LEFT, left);
                    Matrix ofC = c.rows(row, rows).columns(first, columns);
                    run(lane, terms, left, right, ofC, add);
                }
            }
        }
    }

    // ---------------------------------------------------------------- a B that is packed once

    /** Bytes of an op(B) that is packed, of so many terms and columns. */
    static long packedBytes(int terms, int columns) {
        return place(columns, terms);
    }

    /** Where the panels of a part of the sums are: behind those of the part before. */
    private static long place(int columns, int firstTerm) {
        long whole = firstTerm / PART * new TripletPanels(PART, columns).bytes();
        return whole + new TripletPanels(firstTerm % PART, columns).bytes();
    }

    /**
     * Makes panels of op(B), for all parts of the sums.
     *
     * @param b some columns of op(B), which are rows of {@code b} where it is transposed
     * @param sumsOverRows whether {@code b} is not transposed
     * @param all the panels of op(B)
     * @param panel the first that is made
     */
    void pack(int lane, Matrix b, boolean sumsOverRows, TripletPanels all, int panel, long packed) {
        for (int term = 0; term < all.inner(); term += PART) {
            int terms = Math.min(PART, all.inner() - term);
            Matrix some = sumsOverRows ? b.rows(term, terms) : b.columns(term, terms);
            long to = packed + place(all.total(), term);
            pack(
                    lane,
                    some,
                    sumsOverRows,
                    Side.RIGHT,
                    to + new TripletPanels(terms, all.total()).offset(panel));
        }
    }

    /**
     * Makes all panels of op(B).
     *
     * @param transposed whether op(B) is the transpose of {@code b}
     */
    void pack(int lane, Matrix b, boolean transposed, long packed) {
        TripletPanels all =
                transposed
                        ? new TripletPanels(b.columns(), b.rows())
                        : new TripletPanels(b.rows(), b.columns());
        pack(lane, b, !transposed, all, 0, packed);
    }

    /** {@code c (+)= a·op(b)} with an op(B) that is packed. */
    void multiplyByPacked(int lane, Matrix a, long packed, Matrix c, boolean accumulate) {
        multiplyByPacked(lane, a, null, packed, c, accumulate);
    }

    /**
     * {@code c (+)= max(0, a·scale + shift)·op(b)} with an op(B) that is packed.
     *
     * @param affine [2, k] scales and shifts; null for a as it is
     */
    void multiplyByPacked(
            int lane,
            Matrix a,
            @Nullable Matrix affine,
            long packed,
            Matrix c,
            boolean accumulate) {
        long left = arena.scratchOffset(lane) + rowPanels();
        for (int row = 0; row < a.rows(); row += ROWS) {
            int rows = Math.min(ROWS, a.rows() - row);
            for (int term = 0; term < a.columns(); term += PART) {
                int terms = Math.min(PART, a.columns() - term);
                Matrix some = a.rows(row, rows).columns(term, terms);
                if (affine == null) {
                    pack(lane, some, false, Side.LEFT, left);
                } else {
                    packNormalised(lane, some, affine.columns(term, terms), left);
                }
                long right = packed + place(c.columns(), term);
                run(lane, terms, left, right, c.rows(row, rows), accumulate || term > 0);
            }
        }
    }

    // ---------------------------------------------------------------- kernels

    private void pack(int lane, Matrix x, boolean sumsOverRows, Side side, long to) {
        long scratch = arena.scratchOffset(lane) + TripletProductKernel.scratchBytes();
        panels.of(
                        new TripletTilesKernel.Form(
                                x.rows(), x.columns(), x.rowBytes(), sumsOverRows, side))
                .run(base + x.offset(), base + to, base + scratch);
    }

    private void packNormalised(int lane, Matrix x, Matrix affine, long to) {
        long scratch = arena.scratchOffset(lane) + TripletProductKernel.scratchBytes();
        panels.of(TripletTilesKernel.Form.normalised(x.rows(), x.columns(), x.rowBytes()))
                .run(
                        base + x.offset(),
                        base + to,
                        base + scratch,
                        base + affine.at(0, 0),
                        base + affine.at(1, 0));
    }

    private void run(int lane, int terms, long left, long right, Matrix c, boolean accumulate) {
        products.of(
                        new TripletProductKernel.Form(
                                c.rows(), terms, c.columns(), c.rowBytes(), accumulate))
                .run(
                        arguments[lane]
                                .set(TripletProductKernel.Argument.A, base + left)
                                .set(TripletProductKernel.Argument.B, base + right)
                                .set(TripletProductKernel.Argument.C, base + c.offset())
                                .set(
                                        TripletProductKernel.Argument.SCRATCH,
                                        base + arena.scratchOffset(lane)));
    }

    @Override
    public void close() {
        products.close();
        panels.close();
    }
}
