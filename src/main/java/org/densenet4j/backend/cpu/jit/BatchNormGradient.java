package org.densenet4j.backend.cpu.jit;

import static org.densenet4j.backend.cpu.asm.Vector.v;

import org.densenet4j.backend.cpu.asm.Assembler;
import org.densenet4j.backend.cpu.asm.Vector;

/**
 * The finished gradient of a batch normalisation, {@code dx = a·g + b + c·(x − mean)}, of a vector
 * of channels whose a, b, c and mean are in registers.
 */
record BatchNormGradient(Vector factor, Vector constant, Vector slope, Vector mean) {

    /** With a, b, c and mean in four registers, one behind the other. */
    static BatchNormGradient from(int first) {
        return new BatchNormGradient(v(first), v(first + 1), v(first + 2), v(first + 3));
    }

    /** Makes dx of x. */
    void emit(Assembler a, Vector x, Vector g) {
        a.subtract(x, x, mean);
        a.multiplyAdd(x, slope, constant);
        a.addProduct(x, g, factor);
    }
}
