package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.RDI;

import org.densenet4j.backend.cpu.asm.Address;
import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.NativeCode;
import org.densenet4j.backend.cpu.asm.Tail;

/**
 * A kernel in machine code: a subclass writes the code for one form of it, and runs it as often as
 * wanted. Its addresses come in registers (System V: RDI, RSI, RDX, RCX, R8), or, where they are
 * more, in {@link Arguments}, whose own address is in RDI.
 */
public abstract class Kernel implements AutoCloseable {
    final InstructionSet set;
    final Assembler a;
    private NativeCode code;

    Kernel(InstructionSet set) {
        this.set = set;
        this.a = set.assembler();
    }

    /**
     * Compiles; the last thing that a constructor does.
     *
     * @param body writes what is between the function's entry and its end
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    final void compile(Runnable body) {
        a.enter();
        body.run();
        a.leave();
        code = new NativeCode(a.bytes());
    }

    /**
     * What there is of a vector of columns.
     *
     * @param tail of the columns
     */
    final Tail tail(int vector, int columns, Tail tail) {
        return (vector + 1) * set.floats() > columns ? tail : Tail.WHOLE;
    }

    /** The code. */
    final byte[] bytes() {
        return a.bytes();
    }

    /** Where an argument is while the kernel runs, as long as RDI is what it was on entry. */
    static Address argument(Enum<?> name) {
        return RDI.at(Arguments.offset(name));
    }

    /**
     * Runs with addresses in registers.
     *
     * @throws IllegalStateException when closed
     */
    final void call(long first, long second, long third, long fourth, long fifth) {
        code.call(first, second, third, fourth, fifth);
    }

    /**
     * Runs.
     *
     * @throws IllegalStateException when this or the memory of the arguments is closed
     */
    final void call(Arguments arguments) {
        code.call(arguments.memory());
    }

    @Override
    public final void close() {
        code.close();
    }
}
