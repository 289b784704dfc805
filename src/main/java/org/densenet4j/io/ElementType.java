package org.densenet4j.io;

/** Element types of the safetensors format. */
public enum ElementType {
    /** One byte, 0 or 1. */
    BOOL(1),
    /** Unsigned byte. */
    U8(1),
    /** Signed byte. */
    I8(1),
    /** Signed 16-bit integer. */
    I16(2),
    /** Unsigned 16-bit integer. */
    U16(2),
    /** IEEE 754 half precision. */
    F16(2),
    /** The upper half of single precision. */
    BF16(2),
    /** Signed 32-bit integer. */
    I32(4),
    /** Unsigned 32-bit integer. */
    U32(4),
    /** Single precision. */
    F32(4),
    /** Double precision. */
    F64(8),
    /** Signed 64-bit integer. */
    I64(8),
    /** Unsigned 64-bit integer. */
    U64(8);

    private final int bytes;

    ElementType(int bytes) {
        this.bytes = bytes;
    }

    /** {@return bytes of one element} */
    public int bytes() {
        return bytes;
    }

    /** {@return whether elements are floating-point numbers} */
    public boolean isFloat() {
        return this == F16 || this == BF16 || this == F32 || this == F64;
    }
}
