package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * A step of SGD with momentum, Nesterov's or the plain one, as PyTorch defines it:
 *
 * <pre>
 * g = scale·gradient + decay·parameter
 * velocity = momentum·velocity + share·g
 * parameter −= rate·(g + momentum·velocity)     Nesterov
 * parameter −= rate·velocity                    plain
 * </pre>
 */
public final class SgdNesterovKernel extends Kernel {
    /** Addresses, and behind them floats by their bits. */
    public enum Argument {
        PARAMETERS,
        GRADIENTS,
        VELOCITY,
        MINUS_RATE,
        MOMENTUM,
        SHARE,
        DECAY,
        SCALE
    }

    private static final Vector MINUS_RATE = v(4);
    private static final Vector MOMENTUM = v(5);
    private static final Vector DECAY = v(6);
    private static final Vector SCALE = v(7);
    private static final Vector SHARE = v(8);

    private final Form form;

    /**
     * What is compiled.
     *
     * @param parameters how many
     */
    public record Form(int parameters, boolean nesterov) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public SgdNesterovKernel(InstructionSet set, Form form) {
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
        a.broadcast(MINUS_RATE, argument(Argument.MINUS_RATE));
        a.broadcast(MOMENTUM, argument(Argument.MOMENTUM));
        a.broadcast(SHARE, argument(Argument.SHARE));
        a.broadcast(DECAY, argument(Argument.DECAY));
        a.broadcast(SCALE, argument(Argument.SCALE));
        a.load(R8, argument(Argument.PARAMETERS));
        a.load(R9, argument(Argument.GRADIENTS));
        a.load(R10, argument(Argument.VELOCITY));
        Loops.forEachVector(
                a,
                form.parameters,
                a.tail(form.parameters),
                R12,
                this::vector,
                () -> {
                    a.add(R8, set.vectorBytes());
                    a.add(R9, set.vectorBytes());
                    a.add(R10, set.vectorBytes());
                });
    }

    private void vector(Tail some) {
        Vector parameter = v(0);
        Vector g = v(1);
        Vector velocity = v(2);
        Vector step = v(3);
        a.load(parameter, R8.at(0), some);
        a.load(g, R9.at(0), some);
        a.load(velocity, R10.at(0), some);
        a.multiply(g, g, SCALE);
        a.addProduct(g, parameter, DECAY);
        a.multiply(step, g, SHARE);
        a.multiplyAdd(velocity, MOMENTUM, step);
        a.store(velocity, R10.at(0), some);
        if (form.nesterov) {
            a.copy(step, velocity);
            a.multiplyAdd(step, MOMENTUM, g);
        } else {
            a.copy(step, velocity);
        }
        a.addProduct(parameter, step, MINUS_RATE);
        a.store(parameter, R8.at(0), some);
    }
}
