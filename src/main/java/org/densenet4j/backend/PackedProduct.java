package org.densenet4j.backend;

import org.jspecify.annotations.Nullable;

import java.util.Objects;

/**
 * A product {@code C (+)= A·op(B)} of many chunks of A with one B, such as a weight: B is put into
 * the device's own layout once, before the chunks, where the device has one for it.
 */
public final class PackedProduct {
    private final DeviceArena arena;
    private final GemmShape shape;
    private final Matrix place;

    /** What products read: set by one lane before the chunks. */
    private @Nullable Matrix operand;

    /**
     * A product.
     *
     * @param arena in which it runs
     * @param shape with the most rows of one call, A not transposed
     * @param place {@link PackedOperandMemory#packed} bytes; not used where the device packs
     *     nothing
     */
    public PackedProduct(DeviceArena arena, GemmShape shape, Matrix place) {
        this.arena = Objects.requireNonNull(arena, "arena");
        this.shape = Objects.requireNonNull(shape, "shape");
        this.place = Objects.requireNonNull(place, "place");
    }

    /**
     * Prepares B; other lanes may be at work on other products.
     *
     * @param lane whose scratch is used
     * @param b [k, n], or [n, k] where the shape transposes it
     */
    public void pack(int lane, Matrix b) {
        operand = arena.pack(lane, shape, b, place);
    }

    /**
     * Multiplies.
     *
     * @param lane whose scratch is used
     * @param a [rows, k], at most as many rows as the shape has
     * @param c [rows, n]
     * @throws NullPointerException when nothing was packed before
     */
    public void multiply(int lane, Matrix a, Matrix c) {
        Matrix b = Objects.requireNonNull(operand, "nothing was packed");
        arena.multiplyPacked(lane, shape, a, b, c);
    }
}
