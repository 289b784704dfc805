package org.densenet4j.backend;

import java.util.Locale;
import java.util.Objects;

/** How one element of a {@link Matrix} is stored. */
public enum DataType {
    /** IEEE 754 single precision. */
    FLOAT32(4, "fp32"),

    /**
     * The upper half of single precision: 8 bits of exponent, 8 of significand with the hidden one.
     * Only a storage type: sums are taken in single precision.
     */
    BFLOAT16(2, "bf16");

    private final int bytes;
    private final String label;

    DataType(int bytes, String label) {
        this.bytes = bytes;
        this.label = label;
    }

    /** {@return bytes per element} */
    public int bytes() {
        return bytes;
    }

    /** {@return the short name, as in {@code --precision bf16}} */
    public String label() {
        return label;
    }

    /**
     * {@return the type with a short name}
     *
     * @param label {@code fp32} or {@code bf16}, in any case
     * @throws IllegalArgumentException when there is none, with the names there are
     */
    public static DataType of(String label) {
        Objects.requireNonNull(label, "label");
        for (DataType type : values()) {
            if (type.label.equals(label.toLowerCase(Locale.ROOT))) {
                return type;
            }
        }
        throw new IllegalArgumentException(
                "no precision '" + label + "'; use fp32 or bf16 (bfloat16 storage)");
    }

    @Override
    public String toString() {
        return label;
    }
}
