package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R14;
import static org.densenet4j.backend.cpu.asm.Register.R15;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBP;
import static org.densenet4j.backend.cpu.asm.Register.RBX;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;

/**
 * A convolution of few input channels, such as a network's stem. In NHWC the inputs that a line of
 * the kernel covers are next to each other, so that each output pixel is the product of k such runs
 * and the weights' panels; neighbouring pixels are a {@link SumBlock}.
 *
 * <pre>
 * image, padded ({@link PadImageKernel})      weights as {@link StemPanels}      out [h'·w', N]
 * </pre>
 *
 * A line of the result after the other, so that the image's lines stay in the cache. Moves the
 * image and the result once.
 */
public final class StemForwardKernel extends Kernel {
    /** Addresses. */
    public enum Argument {
        IMAGE,
        WEIGHTS,
        OUTPUT
    }

    private final StemForm form;
    private final StemPanels panels;
    private Tail tail;

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public StemForwardKernel(InstructionSet set, StemForm form) {
        super(set);
        this.form = form;
        this.panels = form.panels(set);
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
        tail = a.tail(form.outputs());
        a.repeat(
                form.lines(),
                R15,
                () -> {
                    a.load(R8, argument(Argument.WEIGHTS));
                    a.load(R9, argument(Argument.OUTPUT));
                    panels.forEach(
                            a, R13, (vectors, rest) -> panel(vectors, rest ? tail : Tail.WHOLE));
                    Loops.advance(a, Argument.IMAGE, form.stride() * form.lineBytes());
                    Loops.advance(a, Argument.OUTPUT, form.pixels() * form.outRow());
                });
    }

    /**
     * A line of some channels; R8 moves on to the next panel, R9 to the next channels.
     *
     * @param last of the last vector of channels
     */
    private void panel(int vectors, Tail last) {
        a.load(R10, argument(Argument.IMAGE));
        a.copy(R11, R9);
        int pixels = Loops.evenBlock(form.pixels(), SumBlock.most(set) / vectors);
        Loops.inBlocks(
                a, form.pixels(), pixels, R14, count -> block(new SumBlock(count, vectors), last));
        a.add(R8, panels.bytes(vectors));
        a.add(R9, vectors * form.storage().vectorBytes(set));
    }

    private void block(SumBlock block, Tail last) {
        long step = form.step();
        long row = panels.rowBytes(block.vectors());
        block.zero(a);

        a.copy(RAX, R10);
        a.copy(RBX, R8);
        a.repeat(
                form.kernel(),
                RBP,
                () -> {
                    for (int i = 0; i < panels.lineInputs(); i++) {
                        block.addProducts(
                                a,
                                Words.FLOATS,
                                RAX.at((long) Float.BYTES * i),
                                step,
                                RBX.at(i * row));
                    }
                    a.add(RAX, form.lineBytes());
                    a.add(RBX, panels.lineInputs() * row);
                });
        for (int p = 0; p < block.rows(); p++) {
            for (int v = 0; v < block.vectors(); v++) {
                form.storage()
                        .store(
                                a,
                                block.sum(p, v),
                                R11.at(p * form.outRow() + v * form.storage().vectorBytes(set)),
                                v == block.vectors() - 1 ? last : Tail.WHOLE);
            }
        }
        a.add(R10, block.rows() * step);
        a.add(R11, block.rows() * form.outRow());
    }
}
