package org.densenet4j.backend.cpu.asm;

/** An instruction on vectors of 512 bits: the EVEX prefix (Intel SDM, volume 2, chapter 2.7). */
final class Evex extends VectorInstruction {
    private static final int BITS_512 = 2;
    private static final int BITS_256 = 1;
    private static final int BITS_128 = 0;

    private int length = BITS_512;
    private boolean wide;
    private int mask;
    private boolean zeroing;
    private boolean broadcast;

    Evex(CodeBuffer code, int map, int prefix, int opcode) {
        super(code, map, prefix, opcode);
    }

    /** Only elements of the mask register, if it is not 0; the others are zero or stay. */
    Evex mask(int register, boolean zeroes) {
        mask = register;
        zeroing = zeroes && register != 0;
        return this;
    }

    Evex wide() {
        wide = true;
        return this;
    }

    Evex bits256() {
        length = BITS_256;
        return this;
    }

    Evex bits128() {
        length = BITS_128;
        return this;
    }

    /** One word of memory for all elements. */
    Evex broadcasting() {
        broadcast = true;
        return this;
    }

    @Override
    void registers(Vector reg, Vector second, Vector rm) {
        prefix(reg.number(), number(second), rm.number() >> 3 & 1, rm.number() >> 4);
        code.write(opcode);
        ModRm.direct(code, reg.number(), rm.number());
    }

    /** A vector of distances beside the base (VSIB). */
    void indexed(Vector reg, Address at, Vector index) {
        prefix(reg.number(), index.number() & 16, at.base().number >> 3, index.number() >> 3 & 1);
        code.write(opcode);
        ModRm.indexed(code, reg.number(), at, index.number());
    }

    @Override
    int displacementUnit(int operandBytes) {
        return operandBytes;
    }

    /** High bits of register numbers are stored inverted. */
    @Override
    void prefix(int reg, int second, int b, int x) {
        code.write(0x62);
        code.write((~reg & 8) << 4 | (~x & 1) << 6 | (~b & 1) << 5 | (~reg & 16) | map);
        code.write((wide ? 0x80 : 0) | (~second & 15) << 3 | 4 | prefix);
        code.write(
                (zeroing ? 0x80 : 0)
                        | length << 5
                        | (broadcast ? 0x10 : 0)
                        | (~second & 16) >> 1
                        | mask);
    }
}
