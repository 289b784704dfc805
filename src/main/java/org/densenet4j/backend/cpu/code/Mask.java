package org.densenet4j.backend.cpu.code;

/** A mask register. {@code K0} as the mask of an instruction means that there is none. */
enum Mask {
    K0,
    K1,
    K2,
    K3;

    int number() {
        return ordinal();
    }
}
