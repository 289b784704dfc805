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
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * What a chunk adds to the gradient of a {@link DepthwiseKernel depthwise convolution}'s kernels:
 * {@code sums[y, z] += Σ x[row + y − padding, column + z − padding]·g[row, column]}.
 *
 * <pre>
 * x, g [images·height·width, C] strided      sums [kernel·kernel, C]
 * </pre>
 *
 * A vector of channels at a time. The sums of a row of the kernel and a tile of g are in registers,
 * so that a vector of x is loaded once for all columns of the kernel; while a row of g goes by, it
 * and the rows of x that meet it stay in the first-level cache.
 */
public final class DepthwiseWeightGradientKernel extends Kernel {
    private final Form form;
    private final DepthwiseTiles tiles;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param kernel rows and columns of it: at most {@link DepthwiseKernel#mostTaps}
     * @param columns C
     * @param xRow from pixel to pixel of x
     * @param gradientRow from pixel to pixel of g
     * @param sumsRow from place to place of the kernels
     */
    public record Form(
            Storage storage,
            int images,
            int height,
            int width,
            int kernel,
            int columns,
            long xRow,
            long gradientRow,
            long sumsRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public DepthwiseWeightGradientKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        int most = DepthwiseKernel.mostPixels(set, form.kernel);
        this.tiles = new DepthwiseTiles(form.height, form.width, form.kernel, most);
        compile(this::whole);
    }

    /**
     * Runs; all are addresses.
     *
     * @throws IllegalStateException when closed
     */
    public void run(long x, long gradient, long sums) {
        call(x, gradient, sums, 0, 0);
    }

    private Vector sum(int tap) {
        return v(tap);
    }

    private Vector gradient(int pixel) {
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
                    a.add(RSI, form.storage.vectorBytes(set));
                    a.add(RDX, set.vectorBytes());
                });
    }

    private void vector(Tail some) {
        a.copy(R8, RDI);
        a.copy(R9, RSI);
        tiles.forEachRow(a, form.images, R15, R14, rows -> row(rows, some));
    }

    private void row(DepthwiseTiles.Rows rows, Tail some) {
        long firstRow = (rows.firstTap() - tiles.padding()) * form.width * form.xRow;
        a.addressOf(RAX, R8.at(firstRow));
        a.addressOf(RBX, RDX.at(rows.firstTap() * form.kernel * form.sumsRow));
        a.repeat(rows.taps(), R12, () -> tapRow(some));
        a.add(R8, form.width * form.xRow);
        a.add(R9, form.width * form.gradientRow);
    }

    private void tapRow(Tail some) {
        for (int tap = 0; tap < form.kernel; tap++) {
            a.load(sum(tap), RBX.at(tap * form.sumsRow), some);
        }
        tiles.forEachTile(
                a,
                R13,
                new DepthwiseTiles.Along(RAX, R10, form.xRow),
                new DepthwiseTiles.Along(R9, R11, form.gradientRow),
                tile -> tile(tile, some));
        for (int tap = 0; tap < form.kernel; tap++) {
            a.store(sum(tap), RBX.at(tap * form.sumsRow), some);
        }
        a.add(RAX, form.width * form.xRow);
        a.add(RBX, form.kernel * form.sumsRow);
    }

    private void tile(DepthwiseTiles.Tiles tile, Tail some) {
        for (int p = 0; p < tile.pixels(); p++) {
            form.storage.load(a, gradient(p), R11.at(p * form.gradientRow), some);
        }
        for (int s = tiles.firstSource(tile); s < tiles.endSource(tile); s++) {
            form.storage.load(a, x(), R10.at(s * form.xRow), some);
            tiles.forEachMeeting(
                    tile, s, (pixel, tap) -> a.addProduct(sum(tap), x(), gradient(pixel)));
        }
    }
}
