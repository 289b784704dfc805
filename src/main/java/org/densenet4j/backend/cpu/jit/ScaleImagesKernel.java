package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * Scales the channels of images: {@code out = x·scale[c]·gate(logits[i, c])·factors[i] + means[i,
 * c]/pixels} with the hard sigmoid {@code gate(z) = max(0, min(1, z/6 + 1/2))}.
 *
 * <pre>
 * x, out [images·pixels, C] strided      scale [C]      logits, means [images, C]      factors [images]
 * </pre>
 *
 * What an image's channels are multiplied with is in registers while its pixels go by.
 */
public final class ScaleImagesKernel extends Kernel {
    private static final int ROWS = 4;
    private static final int PER_VECTOR = 2;

    /** Addresses. */
    public enum Argument {
        X,
        SCALE,
        LOGITS,
        FACTORS,
        MEANS,
        OUT
    }

    private final Form form;

    /**
     * What is compiled. Distances are in bytes.
     *
     * @param columns C
     * @param gated whether there are logits
     * @param adds whether there are means
     * @param xRow from pixel to pixel of x
     * @param logitsRow from image to image
     * @param factorsRow from image to image
     * @param meansRow from image to image
     * @param outRow from pixel to pixel of the result
     */
    public record Form(
            Storage storage,
            int images,
            int pixels,
            int columns,
            boolean gated,
            boolean adds,
            long xRow,
            long logitsRow,
            long factorsRow,
            long meansRow,
            long outRow) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public ScaleImagesKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /** Runs; the result may be x. */
    public void run(Arguments arguments) {
        call(arguments);
    }

    private void whole() {
        a.load(R8, argument(Argument.SCALE));
        int most = SumBlock.most(set) / PER_VECTOR;
        ColumnBlock.forEach(a, form.storage, form.columns, most, this::block);
    }

    private void block(ColumnBlock block) {
        a.load(RAX, argument(Argument.X));
        a.load(RBX, argument(Argument.OUT));
        a.load(R9, argument(Argument.LOGITS));
        a.load(R10, argument(Argument.FACTORS));
        a.load(R11, argument(Argument.MEANS));
        a.add(RAX, block.start());
        a.add(RBX, block.start());
        a.repeat(
                form.images,
                R13,
                () -> {
                    multipliers(block);
                    Loops.inBlocks(a, form.pixels, ROWS, R12, rows -> rows(block, rows));
                    a.add(R9, form.logitsRow);
                    a.add(R10, form.factorsRow);
                    a.add(R11, form.meansRow);
                });
    }

    private static Vector by(int vector) {
        return v(PER_VECTOR * vector);
    }

    private static Vector plus(int vector) {
        return v(PER_VECTOR * vector + 1);
    }

    private void multipliers(ColumnBlock block) {
        Vector z = v(SumBlock.firstFree(set));
        Vector constant = v(SumBlock.firstFree(set) + 1);
        for (int i = 0; i < block.count(); i++) {
            Tail some = block.tail(i);
            long column = block.floats(i);
            a.broadcast(constant, R10.at(0));
            a.load(by(i), R8.at(column), some);
            a.multiply(by(i), by(i), constant);
            if (form.gated) {
                a.load(z, R9.at(column), some);
                a.everywhere(constant, 3);
                a.add(z, z, constant);
                a.everywhere(constant, 6);
                a.divide(z, z, constant);
                a.everywhere(constant, 1);
                a.minimum(z, constant, z);
                a.zero(constant);
                a.maximum(z, constant, z);
                a.multiply(by(i), by(i), z);
            }
            a.zero(plus(i));
            if (form.adds) {
                a.load(plus(i), R11.at(column), some);
                a.everywhere(constant, form.pixels);
                a.divide(plus(i), plus(i), constant);
            }
        }
    }

    private void rows(ColumnBlock block, int rows) {
        Vector x = v(SumBlock.firstFree(set));
        for (int r = 0; r < rows; r++) {
            for (int i = 0; i < block.count(); i++) {
                Tail some = block.tail(i);
                form.storage.load(a, x, RAX.at(r * form.xRow + block.at(i)), some);
                a.multiplyAdd(x, by(i), plus(i));
                form.storage.store(a, x, RBX.at(r * form.outRow + block.at(i)), some);
            }
        }
        a.add(RAX, rows * form.xRow);
        a.add(RBX, rows * form.outRow);
    }
}
