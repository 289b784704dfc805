package org.densenet4j.backend;

/** How one element of a {@link Matrix} is stored. */
public enum DataType {
    /** IEEE 754 single precision. */
    FLOAT32(4);

    private final int bytes;

    DataType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes per element. */
    public int bytes() {
        return bytes;
    }
}
