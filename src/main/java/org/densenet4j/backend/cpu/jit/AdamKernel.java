package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Register.R10;
import static org.densenet4j.backend.cpu.asm.Register.R11;
import static org.densenet4j.backend.cpu.asm.Register.R12;
import static org.densenet4j.backend.cpu.asm.Register.R13;
import static org.densenet4j.backend.cpu.asm.Register.R8;
import static org.densenet4j.backend.cpu.asm.Register.R9;
import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.backend.cpu.asm.Register;
import org.densenet4j.backend.cpu.asm.Tail;
import org.densenet4j.backend.cpu.asm.Vector;

import java.util.List;

/**
 * A step of Adam, AdamW or AMSGrad in one pass over the memory:
 *
 * <pre>
 * g = scale·gradient + decay·parameter
 * mean = beta1·mean + share1·g
 * square = beta2·square + share2·g²
 * largest = max(largest, square)                                        AMSGrad; else it is square
 * parameter = keep·parameter − rate·mean / (rootScale·sqrt(largest) + epsilon)
 * </pre>
 */
public final class AdamKernel extends Kernel {
    /** Addresses, and behind them floats by their bits. */
    public enum Argument {
        PARAMETERS,
        GRADIENTS,
        MEANS,
        SQUARES,
        /** Of AMSGrad only. */
        LARGEST,
        MINUS_RATE,
        BETA_1,
        SHARE_1,
        BETA_2,
        SHARE_2,
        ROOT_SCALE,
        EPSILON,
        DECAY,
        KEEP,
        SCALE
    }

    private static final Vector MINUS_RATE = v(5);
    private static final Vector BETA_1 = v(6);
    private static final Vector SHARE_1 = v(7);
    private static final Vector BETA_2 = v(8);
    private static final Vector SHARE_2 = v(9);
    private static final Vector ROOT_SCALE = v(10);
    private static final Vector EPSILON = v(11);
    private static final Vector DECAY = v(12);
    private static final Vector KEEP = v(13);
    private static final Vector SCALE = v(14);

    private final Form form;

    /**
     * What is compiled.
     *
     * @param parameters how many
     * @param amsgrad whether the largest mean square divides (Reddi et al. 2018)
     */
    public record Form(int parameters, boolean amsgrad) {}

    /**
     * Compiles.
     *
     * @throws UnsupportedOperationException when the system does not let memory become executable
     */
    public AdamKernel(InstructionSet set, Form form) {
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
        a.broadcast(BETA_1, argument(Argument.BETA_1));
        a.broadcast(SHARE_1, argument(Argument.SHARE_1));
        a.broadcast(BETA_2, argument(Argument.BETA_2));
        a.broadcast(SHARE_2, argument(Argument.SHARE_2));
        a.broadcast(ROOT_SCALE, argument(Argument.ROOT_SCALE));
        a.broadcast(EPSILON, argument(Argument.EPSILON));
        a.broadcast(DECAY, argument(Argument.DECAY));
        a.broadcast(KEEP, argument(Argument.KEEP));
        a.broadcast(SCALE, argument(Argument.SCALE));
        a.load(R8, argument(Argument.PARAMETERS));
        a.load(R9, argument(Argument.GRADIENTS));
        a.load(R10, argument(Argument.MEANS));
        a.load(R11, argument(Argument.SQUARES));
        if (form.amsgrad) {
            a.load(R13, argument(Argument.LARGEST));
        }
        List<Register> all =
                form.amsgrad ? List.of(R8, R9, R10, R11, R13) : List.of(R8, R9, R10, R11);
        Loops.forEachVector(
                a,
                form.parameters,
                a.tail(form.parameters),
                R12,
                this::vector,
                () -> all.forEach(register -> a.add(register, set.vectorBytes())));
    }

    private void vector(Tail some) {
        Vector parameter = v(0);
        Vector g = v(1);
        Vector mean = v(2);
        Vector square = v(3);
        Vector other = v(4);
        a.load(parameter, R8.at(0), some);
        a.load(g, R9.at(0), some);
        a.load(mean, R10.at(0), some);
        a.load(square, R11.at(0), some);
        a.multiply(g, g, SCALE);
        a.addProduct(g, parameter, DECAY);
        a.multiply(mean, mean, BETA_1);
        a.addProduct(mean, g, SHARE_1);
        a.store(mean, R10.at(0), some);
        a.multiply(square, square, BETA_2);
        a.multiply(other, g, SHARE_2);
        a.addProduct(square, other, g);
        a.store(square, R11.at(0), some);
        if (form.amsgrad) {
            a.load(other, R13.at(0), some);
            a.maximum(square, other, square);
            a.store(square, R13.at(0), some);
        }
        a.squareRoot(square, square);
        a.multiplyAdd(square, ROOT_SCALE, EPSILON);
        a.divide(mean, mean, square);
        a.multiply(parameter, parameter, KEEP);
        a.addProduct(parameter, mean, MINUS_RATE);
        a.store(parameter, R8.at(0), some);
    }
}
