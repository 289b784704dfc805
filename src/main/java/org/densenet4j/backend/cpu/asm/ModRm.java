package org.densenet4j.backend.cpu.asm;

/** Operands of an instruction: ModRM, SIB and displacement (Intel SDM, volume 2, chapter 2.1.3). */
final class ModRm {
    private ModRm() {}

    static void direct(CodeBuffer code, int reg, int rm) {
        code.write(0xC0 | (reg & 7) << 3 | rm & 7);
    }

    /**
     * A base and a displacement.
     *
     * @param unit what a displacement of one byte counts in (disp8*N)
     */
    static void address(CodeBuffer code, int reg, Address at, int unit) {
        int displacement = at.displacement();
        boolean small =
                displacement % unit == 0
                        && displacement / unit >= -128
                        && displacement / unit <= 127;
        int base = at.base().number & 7;
        code.write((small ? 0x40 : 0x80) | (reg & 7) << 3 | base);
        if (base == 4) {
            code.write(0x24);
        }
        if (small) {
            code.write(displacement / unit);
        } else {
            code.int32(displacement);
        }
    }

    /** A base, an index that is not scaled, and a displacement of four bytes. */
    static void indexed(CodeBuffer code, int reg, Address at, int index) {
        code.write(0x80 | (reg & 7) << 3 | 4, (index & 7) << 3 | at.base().number & 7);
        code.int32(at.displacement());
    }
}
