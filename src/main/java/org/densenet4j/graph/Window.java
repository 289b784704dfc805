package org.densenet4j.graph;

/**
 * The square window that an output pixel of a convolution or a pool sees.
 *
 * @param kernel its height and width
 * @param stride step in both directions
 * @param padding zero pixels on each side
 */
public record Window(int kernel, int stride, int padding) {
    /** One pixel. */
    public static final Window POINT = new Window(1, 1, 0);

    /** 3x3 that keeps the size. */
    public static final Window THREE = new Window(3, 1, 1);

    /** Refuses windows without pixels. */
    public Window {
        if (kernel < 1 || stride < 1 || padding < 0 || padding >= kernel) {
            throw new GraphException(
                    "a window of "
                            + kernel
                            + ", stride "
                            + stride
                            + ", padding "
                            + padding
                            + ": use positive sizes and a padding smaller than the kernel");
        }
    }

    /**
     * {@return pixels of the output along one side: {@code floor((size + 2p − k)/s) + 1}}
     *
     * @param size pixels of the image along it
     */
    public int output(int size) {
        return Math.floorDiv(size + 2 * padding - kernel, stride) + 1;
    }

    /**
     * {@return the same where the last window may reach over the border, so that no pixel is left
     * out: {@code ceil((size + 2p − k)/s) + 1}, without a window that starts behind the image}
     *
     * @param size pixels of the image along it
     */
    public int outputOfAll(int size) {
        int count = Math.ceilDiv(size + 2 * padding - kernel, stride) + 1;
        return (count - 1) * stride >= size + padding ? count - 1 : count;
    }
}
