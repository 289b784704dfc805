package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedOperandMemory;
import org.densenet4j.backend.cpu.asm.TileRegister;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.PixelRowsKernel;
import org.densenet4j.backend.cpu.jit.TilePanels;
import org.densenet4j.backend.cpu.jit.TiledProductKernel;
import org.densenet4j.backend.cpu.jit.TransposedRowsKernel;
import org.jspecify.annotations.Nullable;

/**
 * Products of matrices in bfloat16 by products of tiles (AMX). Some columns of op(B) at a time
 * become panels, by which all rows of A go; of a transposed A some columns at a time become rows,
 * which stay in the second-level cache with all of B's panels for a part of the sum.
 */
final class TiledProducts implements AutoCloseable {
    /** Bytes of the panels that are made at a time. */
    private static final long PANELS = 128 << 10;

    /** Terms of a part of a sum where A is transposed. */
    private static final int PART = 512;

    /** Columns of a transposed A that become rows at a time. */
    private static final int TRANSPOSED = 128;

    /** Rows of A that go by the panels at a time. */
    private static final int ROWS = 512;

    private static final int BLOCK = 2 * TileRegister.ROWS;

    private final CpuArena arena;
    private final long base;
    private final TilePacking packing;
    private final Arguments[] arguments;
    private final KernelCache<TiledProductKernel.Form, TiledProductKernel> products;
    private final KernelCache<TransposedRowsKernel.Form, TransposedRowsKernel> transpositions;
    private final KernelCache<PixelRowsKernel.Form, PixelRowsKernel> pixels;

    TiledProducts(CpuArena arena, Target target) {
        this.arena = arena;
        this.base = arena.memory().address();
        this.packing = new TilePacking(arena, target.set());
        this.arguments = arena.arguments(TiledProductKernel.Argument.class);
        this.products = new KernelCache<>(target.set(), TiledProductKernel::new);
        this.transpositions = new KernelCache<>(target.set(), TransposedRowsKernel::new);
        this.pixels = new KernelCache<>(target.set(), PixelRowsKernel::new);
    }

    /** Whether such a product is one of these on such a host: tiles have to be filled once. */
    static boolean has(Host host, GemmShape s) {
        return s.operands() == DataType.BFLOAT16
                && Math.min(s.m(), Math.min(s.n(), s.k())) >= TileRegister.ROWS
                && !(s.transposeA() && (s.transposeB() || s.result() != DataType.FLOAT32))
                && host.tiles();
    }

    /** Whether such a product is one of these where op(B) is packed already. */
    static boolean hasPacked(Host host, GemmShape s) {
        return !s.transposeA() && has(host, s);
    }

    // ---------------------------------------------------------------- scratch

    /** Bytes of a lane's scratch. */
    static long scratchBytes(GemmShape s) {
        return s.transposeA()
                ? panels(s) + new TilePanels(terms(s), s.n()).bytes()
                : panels(s) + new TilePanels(s.k(), columnsAtOnce(s)).bytes();
    }

    /** Bytes of a lane's scratch for a product of so many rows and terms by packed panels. */
    static long scratchBytes(int rows, int terms) {
        return Scratch.rounded(TiledProductKernel.scratchBytes(Math.min(rows, ROWS), terms));
    }

    /** What products need whose second operand is panels already. */
    static PackedOperandMemory packedMemory(GemmShape s) {
        return new PackedOperandMemory(
                new TilePanels(s.k(), s.n()).bytes(), scratchBytes(s.m(), s.k()));
    }

    /** Where panels begin: behind what the kernel needs and a transposed A. */
    private static long panels(GemmShape s) {
        if (!s.transposeA()) {
            return scratchBytes(s.m(), s.k());
        }
        return transposed(s) + TRANSPOSED * TransposedRowsKernel.rowBytes(terms(s));
    }

    /** Where columns of A lie as rows. */
    private static long transposed(GemmShape s) {
        long product = TiledProductKernel.scratchBytes(TRANSPOSED, TilePanels.padded(terms(s)));
        return Scratch.rounded(product + TransposedRowsKernel.scratchBytes());
    }

    private static int columnsAtOnce(GemmShape s) {
        long ofBlock = new TilePanels(s.k(), BLOCK).bytes();
        return Math.toIntExact(Math.min(s.n(), Math.max(1, PANELS / ofBlock) * BLOCK));
    }

    /** Terms of all parts of a sum but possibly the last: no more where there are fewer in all. */
    private static int terms(GemmShape s) {
        return Math.min(s.k(), PART);
    }

    // ---------------------------------------------------------------- products

    /** {@code c = op(a)·op(b)} or {@code c += …}; see {@link CpuArena#multiply}. */
    void multiply(int lane, GemmShape s, Matrix a, Matrix b, Matrix c) {
        if (s.transposeA()) {
            multiplyTransposed(lane, s, a, b, c);
            return;
        }
        long scratch = arena.scratchOffset(lane);
        int atOnce = columnsAtOnce(s);
        for (int first = 0; first < s.n(); first += atOnce) {
            int count = Math.min(atOnce, s.n() - first);
            long at = scratch + panels(s);
            pack(s, s.transposeB() ? b.rows(first, count) : b.columns(first, count), at);
            multiplyByPanels(lane, a, at, c.columns(first, count), s.accumulate());
        }
    }

    /**
     * Makes panels of some columns of op(B), or of all.
     *
     * @param to offset of the first
     */
    void pack(GemmShape s, Matrix b, long to) {
        if (s.transposeB()) {
            packing.intoRowPanels(b, to);
        } else {
            packing.intoColumnPanels(b, to);
        }
    }

    private void multiplyTransposed(int lane, GemmShape s, Matrix a, Matrix b, Matrix c) {
        long scratch = arena.scratchOffset(lane);
        long rows = scratch + transposed(s);
        long panels = scratch + panels(s);
        for (int first = 0; first < s.k(); first += terms(s)) {
            int count = Math.min(terms(s), s.k() - first);
            packing.intoColumnPanels(b.rows(first, count), panels);
            for (int column = 0; column < s.m(); column += TRANSPOSED) {
                int columns = Math.min(TRANSPOSED, s.m() - column);
                long row = TransposedRowsKernel.rowBytes(count);
                transpose(
                        a.rows(first, count).columns(column, columns),
                        rows,
                        row,
                        rows - TransposedRowsKernel.scratchBytes());
                int stride = Math.toIntExact(row / DataType.BFLOAT16.bytes());
                Matrix left =
                        new Matrix(
                                rows, columns, TilePanels.padded(count), stride, DataType.BFLOAT16);
                run(lane, left, panels, c.rows(column, columns), s.accumulate() || first > 0);
            }
        }
    }

    /**
     * {@code c (+)= a·panels}.
     *
     * @param panels offset of the first, for all columns of C
     */
    void multiplyByPanels(int lane, Matrix a, long panels, Matrix c, boolean accumulate) {
        for (int first = 0; first < a.rows(); first += ROWS) {
            int rows = Math.min(ROWS, a.rows() - first);
            run(lane, a.rows(first, rows), panels, c.rows(first, rows), accumulate);
        }
    }

    /** How operands are packed. */
    TilePacking packing() {
        return packing;
    }

    private void run(int lane, Matrix a, long panels, Matrix c, boolean accumulate) {
        TiledProductKernel.Form form =
                TiledProductKernel.Form.of(
                        a.rows(),
                        a.columns(),
                        c.columns(),
                        a.rowBytes(),
                        c.rowBytes(),
                        Target.storage(c.type()),
                        accumulate);
        run(lane, form, a.offset(), panels, c.offset(), arena.scratchOffset(lane));
    }

    /** Runs a product of matrices at some offsets. */
    void run(int lane, TiledProductKernel.Form form, long a, long panels, long c, long scratch) {
        products.of(form)
                .run(
                        arguments[lane]
                                .set(TiledProductKernel.Argument.A, base + a)
                                .set(TiledProductKernel.Argument.B, base + panels)
                                .set(TiledProductKernel.Argument.C, base + c)
                                .set(TiledProductKernel.Argument.SCRATCH, base + scratch));
    }

    /**
     * Copies pixels, both in bfloat16.
     *
     * @param affine [2, channels] scales and shifts of a normalisation with a ReLU; null for none
     */
    void move(Matrix from, @Nullable Matrix affine, Matrix to) {
        boolean normalises = affine != null;
        pixels.of(
                        new PixelRowsKernel.Form(
                                from.rows(),
                                from.columns(),
                                from.rowBytes(),
                                to.rowBytes(),
                                normalises))
                .run(
                        base + from.offset(),
                        base + to.offset(),
                        affine == null ? 0 : base + affine.at(0, 0),
                        affine == null ? 0 : base + affine.at(1, 0));
    }

    /**
     * Columns of a matrix as rows.
     *
     * @param to offset of the first row
     * @param toRow bytes from row to row
     * @param scratch offset of {@link TransposedRowsKernel#scratchBytes} bytes
     */
    void transpose(Matrix x, long to, long toRow, long scratch) {
        transpositions
                .of(new TransposedRowsKernel.Form(x.rows(), x.columns(), x.rowBytes(), toRow))
                .run(base + x.offset(), base + to, base + scratch);
    }

    @Override
    public void close() {
        packing.close();
        products.close();
        transpositions.close();
        pixels.close();
    }
}
