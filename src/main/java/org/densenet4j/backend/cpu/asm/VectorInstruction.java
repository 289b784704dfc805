package org.densenet4j.backend.cpu.asm;

/**
 * An instruction on vectors that waits for its operands: VEX and EVEX encode most of them with the
 * same map, prefix and opcode, and differ in how the registers are written around these.
 */
abstract class VectorInstruction {
    static final int MAP_0F = 1;
    static final int MAP_0F38 = 2;
    static final int MAP_0F3A = 3;

    static final int NO_PREFIX = 0;
    static final int PREFIX_66 = 1;
    static final int PREFIX_F3 = 2;
    static final int PREFIX_F2 = 3;

    final CodeBuffer code;
    final int map;
    final int prefix;
    final int opcode;

    VectorInstruction(CodeBuffer code, int map, int prefix, int opcode) {
        this.code = code;
        this.map = map;
        this.prefix = prefix;
        this.opcode = opcode;
    }

    /**
     * Everything before the opcode.
     *
     * @param reg number in ModRM.reg
     * @param second number of the second source, 0 where there is none
     * @param b high bits of the register in ModRM.rm, or of the base
     * @param x high bit of the index
     */
    abstract void prefix(int reg, int second, int b, int x);

    /** What a displacement of one byte counts in (disp8*N), for an operand of so many bytes. */
    abstract int displacementUnit(int operandBytes);

    /** Registers only; a null second source is none. */
    abstract void registers(Vector reg, Vector second, Vector rm);

    /** With so many bytes of memory; a null second source is none. */
    final void memory(Vector reg, Vector second, Address at, int bytes) {
        prefix(reg.number(), number(second), at.base().number >> 3, 0);
        code.write(opcode);
        ModRm.address(code, reg.number(), at, displacementUnit(bytes));
    }

    /** With a vector of constants behind the code. */
    final void constant(Vector reg, Vector second, int... words) {
        prefix(reg.number(), number(second), 0, 0);
        code.write(opcode);
        code.write((reg.number() & 7) << 3 | 5);
        code.distanceToConstant(words);
    }

    static int number(Vector second) {
        return second == null ? 0 : second.number();
    }
}
