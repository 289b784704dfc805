package org.densenet4j.backend.cpu.code;

/** A memory operand: a base register and a displacement in bytes. */
record Address(Register base, int displacement) {
    Address plus(long bytes) {
        return new Address(base, Math.toIntExact(displacement + bytes));
    }
}
