package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R14;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Register.RDI;
import static org.densenet4j.backend.cpu.asm.Register.RSI;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Register;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * An image of few channels with zeros around it, as float32, so that a convolution need not know
 * its edges.
 *
 * <pre>
 * x [height, width·C] dense      out [height + 2p, (width + 2p)·C] with lines of {@link #lineBytes}
 * </pre>
 */
public final class PadImageKernel extends Kernel {
    private static final Vector ZERO = v(0);
    private static final Vector VALUES = v(1);

    /** Behind a line there is room for a vector, which zeros are written in. */
    private static final int ROOM = 64;

    private final Form form;
    private Tail tail;

    /**
     * What is compiled.
     *
     * @param storage of x
     * @param height of x
     * @param lineElements of a line of x: width·C
     * @param padding lines of zeros above and below
     * @param sideElements of zeros on each side: p·C
     */
    public record Form(
            Storage storage, int height, int lineElements, int padding, int sideElements) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public PadImageKernel(InstructionSet set, Form form) {
        super(set);
        this.form = form;
        compile(this::whole);
    }

    /** Bytes from line to line of the result. */
    public static long lineBytes(int lineElements, int sideElements) {
        long bytes = (long) Float.BYTES * (lineElements + 2 * sideElements);
        return Math.ceilDiv(bytes, (long) ROOM) * ROOM + ROOM;
    }

    /**
     * Runs; both are addresses.
     *
     * @throws IllegalStateException when closed
     */
    public void run(long x, long out) {
        call(x, out, 0, 0, 0);
    }

    private void whole() {
        a.zero(ZERO);
        tail = a.tail(form.lineElements);
        a.repeat(form.padding, R12, this::zeros);
        a.repeat(form.height, R12, this::line);
        a.repeat(form.padding, R12, this::zeros);
    }

    private long lineBytes() {
        return lineBytes(form.lineElements, form.sideElements);
    }

    private void zeros() {
        a.copy(R9, RSI);
        zeros(R9, form.lineElements + 2 * form.sideElements);
        a.add(RSI, lineBytes());
    }

    /** At least so many. */
    private void zeros(Register at, int count) {
        a.repeat(
                set.vectors(count),
                R14,
                () -> {
                    a.store(ZERO, at.at(0));
                    a.add(at, set.vectorBytes());
                });
    }

    private void line() {
        a.copy(R9, RSI);
        zeros(R9, form.sideElements);
        a.addressOf(R9, RSI.at((long) Float.BYTES * (form.sideElements + form.lineElements)));
        zeros(R9, form.sideElements);
        a.addressOf(R9, RSI.at((long) Float.BYTES * form.sideElements));
        a.copy(R8, RDI);
        Loops.forEachVector(
                a,
                form.lineElements,
                tail,
                R14,
                some -> {
                    form.storage.load(a, VALUES, R8.at(0), some);
                    a.store(VALUES, R9.at(0), some);
                },
                () -> {
                    a.add(R8, form.storage.vectorBytes(set));
                    a.add(R9, set.vectorBytes());
                });
        a.add(RDI, (long) form.storage.bytes() * form.lineElements);
        a.add(RSI, lineBytes());
    }
}
