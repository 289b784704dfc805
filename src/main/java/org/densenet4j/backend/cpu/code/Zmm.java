package org.densenet4j.backend.cpu.code;

/** One of the 32 vector registers of 512 bits. */
record Zmm(int number) {
    static final int BYTES = 64;
    static final int FLOATS = 16;

    Zmm {
        if (number < 0 || number > 31) {
            throw new IllegalArgumentException("zmm" + number);
        }
    }

    static Zmm zmm(int number) {
        return new Zmm(number);
    }
}
