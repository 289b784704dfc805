package org.densenet4j.backend.cpu.asm;

/** A memory operand: a base register and a displacement in bytes. */
public record Address(Register base, int displacement) {
    /** So many bytes further. */
    public Address plus(long bytes) {
        return new Address(base, Math.toIntExact(displacement + bytes));
    }
}
