package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * The gradient of {@link NormaliseReluGlobalPoolKernel}, which begins a block's gradient matrix G,
 * or adds to it:
 *
 * <pre>
 * g = dOut/pixels of the pixel's image where x·scale + shift is positive, else 0
 * sums = Σ g,  products = Σ g·(x − mean)
 * G (+)= weight·g
 *
 * dOut [images, C]      x, G [images·pixels, C] strided      sums, products [2, C]
 * </pre>
 *
 * A vector or two of channels go through all pixels with all that belongs to them in registers.
 * Moves x and G once.
 */
public final class AccumulateGradientGlobalPoolKernel extends Kernel {
    /** Addresses; sums of g and, behind them, of products are overwritten. */
    public enum Argument {
        POOLED,
        X,
        AFFINE,
        MEAN,
        WEIGHT,
        GRADIENT,
        SUMS
    }

    private static final int SCALE = 0;
    private static final int SHIFT = 1;
    private static final int MEAN = 2;
    private static final int WEIGHT = 3;
    private static final int SUM = 4;
    private static final int PRODUCTS = 5;
    private static final int POOLED = 6;
    private static final int PER_VECTOR = 7;

    /** Beside what is kept: the zeros, a pixel's share, and three for the pixel at hand. */
    private static final int SHARED = 5;

    private final Form form;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param storage of x and G
     * @param pooledStorage of dOut
     * @param pixels of an image
     * @param columns C
     * @param adds whether G is added to
     * @param pooledRow from image to image of dOut
     * @param xRow from pixel to pixel of x
     * @param gradientRow from pixel to pixel of G
     * @param affineRow from scale to shift
     * @param sumsRow from sums to products
     */
    public record Form(
            Storage storage,
            Storage pooledStorage,
            int images,
            int pixels,
            int columns,
            boolean adds,
            long pooledRow,
            long xRow,
            long gradientRow,
            long affineRow,
            long sumsRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public AccumulateGradientGlobalPoolKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /**
     * Runs.
     *
     * @throws IllegalStateException when closed
     */
    public void run(Arguments arguments) {
        call(arguments);
    }

    private void whole() {
        a.zero(shared(0));
        a.everywhere(shared(1), 1f / form.pixels);
        int most = (set.registers() - 1 - SHARED) / PER_VECTOR;
        ColumnBlock.forEach(a, form.storage, form.columns, most, this::block);
    }

    private void block(ColumnBlock block) {
        channels(block, Argument.AFFINE, 0, SCALE);
        channels(block, Argument.AFFINE, form.affineRow, SHIFT);
        channels(block, Argument.MEAN, 0, MEAN);
        channels(block, Argument.WEIGHT, 0, WEIGHT);
        for (int v = 0; v < block.count(); v++) {
            a.zero(kept(v, SUM));
            a.zero(kept(v, PRODUCTS));
        }
        a.load(R8, argument(Argument.POOLED));
        a.add(R8, block.start() / form.storage.bytes() * form.pooledStorage.bytes());
        a.load(R9, argument(Argument.X));
        a.add(R9, block.start());
        a.load(R10, argument(Argument.GRADIENT));
        a.add(R10, block.start());
        a.repeat(form.images, R15, () -> image(block));
        a.load(RAX, argument(Argument.SUMS));
        for (int v = 0; v < block.count(); v++) {
            long at = block.floats(v);
            a.store(kept(v, SUM), RAX.at(at), block.tail(v));
            a.store(kept(v, PRODUCTS), RAX.at(form.sumsRow + at), block.tail(v));
        }
    }

    /** Loads a value per channel. */
    private void channels(ColumnBlock block, Argument argument, long offset, int to) {
        a.load(RAX, argument(argument));
        for (int v = 0; v < block.count(); v++) {
            a.load(kept(v, to), RAX.at(offset + block.floats(v)), block.tail(v));
        }
    }

    private void image(ColumnBlock block) {
        for (int v = 0; v < block.count(); v++) {
            Address pooled = R8.at(v * form.pooledStorage.vectorBytes(set));
            form.pooledStorage.load(a, kept(v, POOLED), pooled, block.tail(v));
            a.multiply(kept(v, POOLED), kept(v, POOLED), shared(1));
        }
        a.add(R8, form.pooledRow);
        a.repeat(
                form.pixels,
                R12,
                () -> {
                    for (int v = 0; v < block.count(); v++) {
                        vector(v, block.at(v), block.tail(v));
                    }
                    a.add(R9, form.xRow);
                    a.add(R10, form.gradientRow);
                });
    }

    private void vector(int v, long column, Tail some) {
        Vector x = shared(2);
        Vector g = shared(3);
        Vector y = shared(4);
        form.storage.load(a, x, R9.at(column), some);
        a.copy(y, x);
        a.multiplyAdd(y, kept(v, SCALE), kept(v, SHIFT));
        a.copy(g, kept(v, POOLED));
        a.keepWherePositive(g, y, shared(0));
        a.subtract(x, x, kept(v, MEAN));
        a.add(kept(v, SUM), kept(v, SUM), g);
        a.addProduct(kept(v, PRODUCTS), x, g);
        if (form.adds) {
            form.storage.load(a, x, R10.at(column), some);
            a.multiplyAdd(g, kept(v, WEIGHT), x);
        } else {
            a.multiply(g, g, kept(v, WEIGHT));
        }
        form.storage.store(a, g, R10.at(column), some);
    }

    /** What is kept of a vector of channels all along. */
    private static Vector kept(int v, int i) {
        return v(PER_VECTOR * v + i);
    }

    /** Registers of all vectors of channels, below {@link Assembler#scratch}. */
    private Vector shared(int i) {
        return v(set.registers() - 1 - SHARED + i);
    }
}
