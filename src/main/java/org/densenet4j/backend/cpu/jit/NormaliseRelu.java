package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.RAX;
import static org.densenet4j.backend.cpu.asm.Register.RBX;
import static org.densenet4j.backend.cpu.asm.Register.RCX;
import static org.densenet4j.backend.cpu.asm.Register.RDX;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/** {@code max(0, x·scale + shift)} of a few rows at a time, as products of them begin. */
final class NormaliseRelu {
    /** Rows at a time, at most. */
    static final int ROWS = 8;

    private NormaliseRelu() {}

    /**
     * A vector of each row in registers 0 and up, time after time. RAX is the address of the first
     * row, RCX and RDX are those of scale and shift. Overwrites these, R12 and the registers that
     * are free beside a {@link SumBlock}.
     *
     * @param tail of the columns
     * @param step what RBX advances from vector to vector
     * @param store writes the registers to RBX
     */
    static void emit(
            Assembler a,
            Storage storage,
            int rows,
            int columns,
            Tail tail,
            long xRow,
            long step,
            Runnable store) {
        int free = SumBlock.firstFree(a.set());
        Vector scale = v(free);
        Vector shift = v(free + 1);
        Vector zero = v(free + 2);
        a.zero(zero);
        Loops.forEachVector(
                a,
                columns,
                tail,
                R12,
                some -> {
                    a.load(scale, RCX.at(0), some);
                    a.load(shift, RDX.at(0), some);
                    for (int r = 0; r < rows; r++) {
                        storage.load(a, v(r), RAX.at(r * xRow), some);
                    }
                    for (int r = 0; r < rows; r++) {
                        a.multiplyAdd(v(r), scale, shift);
                        a.maximum(v(r), zero, v(r));
                    }
                    store.run();
                },
                () -> {
                    a.add(RAX, storage.vectorBytes(a.set()));
                    a.add(RBX, step);
                    a.add(RCX, a.set().vectorBytes());
                    a.add(RDX, a.set().vectorBytes());
                });
    }
}
