package org.densenet4j.backend.cpu.asm;

/**
 * An instruction on vectors of 128 or 256 bits: the VEX prefix (Intel SDM, volume 2, chapter 2.3),
 * in two bytes where they say all.
 */
final class Vex extends VectorInstruction {
    private boolean bits128;

    Vex(CodeBuffer code, int map, int prefix, int opcode) {
        super(code, map, prefix, opcode);
    }

    Vex bits128() {
        bits128 = true;
        return this;
    }

    @Override
    void registers(Vector reg, Vector second, Vector rm) {
        prefix(reg.number(), number(second), rm.number() >> 3, 0);
        code.write(opcode);
        ModRm.direct(code, reg.number(), rm.number());
    }

    /** A vector of distances beside the base (VSIB). */
    void indexed(Vector reg, Vector second, Address at, Vector index) {
        prefix(reg.number(), second.number(), at.base().number >> 3, index.number() >> 3);
        code.write(opcode);
        ModRm.indexed(code, reg.number(), at, index.number());
    }

    /** A register beside the base. */
    void indexed(Vector reg, Address at, Register index) {
        prefix(reg.number(), 0, at.base().number >> 3, index.number >> 3);
        code.write(opcode);
        ModRm.indexed(code, reg.number(), at, index.number);
    }

    @Override
    int displacementUnit(int operandBytes) {
        return 1;
    }

    /** High bits of register numbers are stored inverted. */
    @Override
    void prefix(int reg, int second, int b, int x) {
        if (reg > 15 || second > 15 || b > 1 || x > 1) {
            throw new IllegalArgumentException(
                    "AVX2 has 16 vector registers: " + reg + ", " + second);
        }
        int rest = (~second & 15) << 3 | (bits128 ? 0 : 4) | prefix;
        if (map == MAP_0F && b == 0 && x == 0) {
            code.write(0xC5, (~reg & 8) << 4 | rest);
        } else {
            code.write(0xC4, (~reg & 8) << 4 | (~x & 1) << 6 | (~b & 1) << 5 | map);
            code.write(rest);
        }
    }
}
