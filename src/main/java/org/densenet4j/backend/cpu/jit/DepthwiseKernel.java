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
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * A depthwise convolution of stride 1 whose output is as large as its source, or its gradient,
 * which is one with the kernels turned by 180 degrees.
 *
 * <pre>
 * x, out [images·height·width, C] strided      weights [kernel·kernel, C]      bias [C]
 * </pre>
 *
 * A vector of channels at a time. The sums of a tile of pixels and a row of the kernel are in
 * registers, so that a vector of x is loaded once for all columns of the kernel.
 */
public final class DepthwiseKernel extends Kernel {
    private final Form form;
    private final DepthwiseTiles tiles;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param kernel rows and columns of it: at most {@link #mostTaps}
     * @param columns C
     * @param biased whether a bias is added
     * @param turned whether kernels are turned by 180 degrees
     * @param add whether the result is added to the output
     * @param xRow from pixel to pixel of x
     * @param weightRow from place to place of the kernels
     * @param outRow from pixel to pixel of the output
     */
    public record Form(
            Storage storage,
            int images,
            int height,
            int width,
            int kernel,
            int columns,
            boolean biased,
            boolean turned,
            boolean add,
            long xRow,
            long weightRow,
            long outRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public DepthwiseKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        int most = mostPixels(set, form.kernel);
        this.tiles = new DepthwiseTiles(form.height, form.width, form.kernel, most);
        compile(this::whole);
    }

    /** Rows of the largest kernel, whose columns are in registers beside a tile of as many sums. */
    public static int mostTaps(InstructionSet set) {
        return (set.registers() - 2) / 2;
    }

    /** Pixels of a tile: registers that are left beside a row of the kernel and a vector of x. */
    static int mostPixels(InstructionSet set, int kernel) {
        return set.registers() - 2 - kernel;
    }

    /**
     * Runs; all are addresses.
     *
     * @param bias not read where there is none
     * @throws IllegalStateException when closed
     */
    public void run(long x, long weights, long bias, long out) {
        call(x, weights, bias, out, 0);
    }

    private Vector weight(int tap) {
        return v(tap);
    }

    private Vector sum(int pixel) {
        return v(form.kernel + pixel);
    }

    /** The last one that is not overwritten by what takes several instructions. */
    private Vector x() {
        return v(set.registers() - 2);
    }

    private void whole() {
        Tail tail = a.tail(form.columns);
        Loops.forEachVector(
                a,
                form.columns,
                tail,
                RBP,
                this::vector,
                () -> {
                    a.add(RDI, form.storage.vectorBytes(set));
                    a.add(RSI, set.vectorBytes());
                    a.add(RDX, set.vectorBytes());
                    a.add(RCX, form.storage.vectorBytes(set));
                });
    }

    private void vector(Tail some) {
        a.copy(R8, RDI);
        a.copy(R9, RCX);
        tiles.forEachRow(a, form.images, R15, R14, rows -> row(rows, some));
    }

    private void row(DepthwiseTiles.Rows rows, Tail some) {
        tiles.forEachTile(
                a,
                R13,
                new DepthwiseTiles.Along(R8, R10, form.xRow),
                new DepthwiseTiles.Along(R9, R11, form.outRow),
                tile -> tile(rows, tile, some));
        a.add(R8, form.width * form.xRow);
        a.add(R9, form.width * form.outRow);
    }

    private void tile(DepthwiseTiles.Rows rows, DepthwiseTiles.Tiles tile, Tail some) {
        for (int p = 0; p < tile.pixels(); p++) {
            if (!form.biased) {
                a.zero(sum(p));
            } else if (p == 0) {
                a.load(sum(p), RDX.at(0), some);
            } else {
                a.copy(sum(p), sum(0));
            }
        }
        long firstRow = (rows.firstTap() - tiles.padding()) * form.width * form.xRow;
        a.addressOf(RAX, R10.at(firstRow));
        int line = rows.firstTap() * form.kernel;
        int last = form.kernel * form.kernel - 1;
        a.addressOf(RBX, RSI.at((form.turned ? last - line : line) * form.weightRow));
        long step = form.turned ? -form.weightRow : form.weightRow;
        a.repeat(rows.taps(), R12, () -> tapRow(tile, step, some));
        for (int p = 0; p < tile.pixels(); p++) {
            if (form.add) {
                form.storage.load(a, x(), R11.at(p * form.outRow), some);
                a.add(sum(p), sum(p), x());
            }
            form.storage.store(a, sum(p), R11.at(p * form.outRow), some);
        }
    }

    private void tapRow(DepthwiseTiles.Tiles tile, long step, Tail some) {
        for (int tap = 0; tap < form.kernel; tap++) {
            a.load(weight(tap), RBX.at(tap * step), some);
        }
        for (int s = tiles.firstSource(tile); s < tiles.endSource(tile); s++) {
            form.storage.load(a, x(), RAX.at(s * form.xRow), some);
            tiles.forEachMeeting(
                    tile, s, (pixel, tap) -> a.addProduct(sum(pixel), x(), weight(tap)));
        }
        a.add(RAX, form.width * form.xRow);
        a.add(RBX, form.kernel * step);
    }
}
