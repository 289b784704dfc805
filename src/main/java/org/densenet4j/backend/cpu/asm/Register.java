package org.densenet4j.backend.cpu.asm;

/** The general-purpose registers that compiled kernels use; the number is the encoding. */
public enum Register {
    RAX(0),
    RCX(1),
    RDX(2),
    RBX(3),
    RBP(5),
    RSI(6),
    /** Holds the address of the arguments on entry (System V calling convention). */
    RDI(7),
    R8(8),
    R9(9),
    R10(10),
    R11(11),
    R12(12),
    R13(13),
    R14(14),
    R15(15);

    final int number;

    Register(int number) {
        this.number = number;
    }

    /** Memory at this register's value plus a displacement. */
    public Address at(long displacement) {
        return new Address(this, Math.toIntExact(displacement));
    }
}
